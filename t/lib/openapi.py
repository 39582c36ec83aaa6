#!/usr/bin/python3
#
# openapi.py DOCUMENT RECORD - hold what was asked and answered against the
# OpenAPI document.
#
# RECORD has a pair a line, as t/lib/Shop/Test.pm writes them.  Prints one JSON
# object: `document` (what is wrong with the document itself), `pairs` (what is
# wrong with which pair), `checked`, `documented`, `seen` and `missing`
# (statuses of operations that no pair had).

import json
import re
import sys
import urllib.parse

import jsonschema

# Tests of core/ ask a shop that has a domain more than the document; so do some
# others, for its toys alone.
OTHERS = re.compile(r'(^|/)t/core/')
TOYS = re.compile(r'^/api/v1/toys\b')
METHODS = ('get', 'put', 'post', 'patch', 'delete')
OURS = re.compile(r'^/(api/|(healthz|readyz)(\?|$))')


# --- the document ------------------------------------------------------------

def resolve(doc, node):
    while isinstance(node, dict) and '$ref' in node:
        target = doc
        for part in node['$ref'].lstrip('#/').split('/'):
            target = target[part.replace('~1', '/').replace('~0', '~')]
        node = target
    return node


def operations(doc):
    for path, item in doc['paths'].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def every(node, key, where=''):
    if isinstance(node, dict):
        for name, child in node.items():
            if name == key:
                yield where, child
            yield from every(child, key, f'{where}/{name}')
    elif isinstance(node, list):
        for i, child in enumerate(node):
            yield from every(child, key, f'{where}/{i}')


def check_refs(doc):
    for where, ref in every(doc, '$ref'):
        if not isinstance(ref, str):
            continue
        try:
            resolve(doc, {'$ref': ref})
        except KeyError:
            yield f'{where}: {ref} leads nowhere'


def check_schemas(doc):
    schemas = list(doc['components']['schemas'].items())
    schemas += [(where, s) for where, s in every(doc['paths'], 'schema')]
    for where, schema in schemas:
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as e:
            yield f'{where}: {e.message}'


def check_operation(doc, path, method, op):
    name = f'{method} {path}'
    known = doc['components']['securitySchemes']
    given = {(p['in'], p['name'])
             for p in (resolve(doc, p) for p in op['parameters'])}
    if len(given) != len(op['parameters']):
        yield f'{name}: a parameter stands twice'
    for part in re.findall(r'{(\w+)}', path):
        if ('path', part) not in given:
            yield f'{name}: no parameter for {part}'
    for choice in op['security']:
        for scheme in choice:
            if scheme not in known:
                yield f'{name}: no security scheme {scheme}'
    if not any(s[0] in '23' for s in op['responses']):
        yield f'{name}: no success'
    for status, response in op['responses'].items():
        if not resolve(doc, response).get('description'):
            yield f'{name}: {status} is not described'


def check_document(doc):
    if not doc.get('openapi', '').startswith('3.1.'):
        yield 'it is not OpenAPI 3.1'
    yield from check_refs(doc)
    yield from check_schemas(doc)
    seen = {}
    for path, method, op in operations(doc):
        yield from check_operation(doc, path, method, op)
        for what in (op['operationId'],
                     method + ' ' + re.sub(r'{\w+}', '{}', path)):
            if what in seen:
                yield f'{what} stands twice'
            seen[what] = True


# --- pairs -------------------------------------------------------------------

def find_path(doc, path):
    """The template that fits with the most literal segments."""
    parts = path.split('/')
    best = None
    for template in doc['paths']:
        wanted = template.split('/')
        if len(wanted) != len(parts):
            continue
        if all(w == p or (w[:1] == '{' and p) for w, p in zip(wanted, parts)):
            literal = sum(w[:1] != '{' for w in wanted)
            if best is None or literal > best[0]:
                best = (literal, template)
    return best and best[1]


class Checker:
    def __init__(self, doc):
        self.doc = doc
        self.resolver = jsonschema.RefResolver.from_schema(doc)
        self.seen = set()
        host = resolve(doc, {'$ref': '#/components/responses/Host'})
        self.host = {'host': host}

    def faults_of_body(self, schema, body, some):
        validator = jsonschema.Draft202012Validator(
            schema, resolver=self.resolver)
        for e in validator.iter_errors(body):
            if some and e.validator == 'required' \
                    and self.is_row(body, list(e.path)):
                continue        # rows_of() knows which members there are
            yield '/' + '/'.join(map(str, e.path)) + ': ' + e.message[:300]
        for row in self.rows_of(body) if some else []:
            if set(row) != some:
                yield f'{sorted(row)} instead of {sorted(some)}'

    @staticmethod
    def is_row(body, path):
        return len(path) == 2 and path[0] == 'data' if 'data' in body \
            else not path

    @staticmethod
    def rows_of(body):
        return body['data'] if 'data' in body else [body]

    def faults_of_content(self, pair, response):
        content = response.get('content', {})
        body, status = pair['body'], pair['status']
        minimal = 'return=minimal' in pair['headers'].get(
            'preference-applied', '')
        if pair['headers'].get('content-encoding'):
            return
        if pair['method'] == 'HEAD' or not content or minimal:
            if body:
                yield f'{status} has a body'
            return
        kind = pair['headers'].get('content-type', '').split(';')[0]
        if kind not in content:
            yield f'{status} is of the type {kind or "none"}'
        elif kind == 'application/x-ndjson':
            try:
                for line in body.splitlines():
                    json.loads(line)
            except (AttributeError, ValueError):
                yield f'{status} has a line that is not JSON'
        elif 'json' in kind:
            try:
                value = json.loads(body)
            except (TypeError, ValueError):
                yield f'{status} is not JSON'
                return
            query = urllib.parse.parse_qs(pair['path'].partition('?')[2])
            some = set(query['fields'][0].split(',')) \
                if status == 200 and 'fields' in query else None
            yield from self.faults_of_body(content[kind]['schema'], value,
                                           some)
            if kind.startswith('application/problem') \
                    and value.get('status') != status:
                yield f'status {value.get("status")} in an answer {status}'

    def faults_of_headers(self, pair, response):
        needed = {200: ['etag'], 304: ['etag'], 301: ['location'],
                  401: ['www-authenticate'], 503: ['retry-after']}
        documented = {h.lower() for h in response.get('headers', {})}
        for name in needed.get(pair['status'], []):
            if name in documented and pair['method'] == 'GET' \
                    and name not in pair['headers']:
                yield f'{pair["status"]} without {name}'

    def code_of(self, pair):
        try:
            return json.loads(pair['body']).get('code')
        except (TypeError, ValueError, AttributeError):
            return None

    def faults(self, pair):
        path = pair['path'].split('?')[0]
        status, method = pair['status'], pair['method'].lower()
        template = find_path(self.doc, path)
        op = template and self.doc['paths'][template].get(
            'get' if method == 'head' else method)
        host = self.host['host']

        if template is None and self.code_of(pair) == 'not_found':
            return []
        if template and op is None:
            if status == 405 and self.code_of(pair) == 'method_not_allowed' \
                    and 'allow' in pair['headers'] or method == 'options':
                return []
        if op is None:
            return self.faults_of_content(pair, host) if status >= 400 \
                else [f'{pair["method"]} {path} is not documented']

        response = op['responses'].get(str(status))
        if response is None:
            if status < 400:
                return [f'{status} is not documented']
            return self.faults_of_content(pair, host)
        self.seen.add((template, method, status))
        response = resolve(self.doc, response)
        return (list(self.faults_of_content(pair, response))
                + list(self.faults_of_headers(pair, response)))


def main(document, record):
    with open(document) as f:
        doc = json.load(f)
    checker, bad, checked = Checker(doc), [], 0

    with open(record) as lines:
        for line in lines:
            pair = json.loads(line)
            if not OURS.match(pair['path'] or '') \
                    or TOYS.search(pair['path'] or '') \
                    or OTHERS.search(pair['test']):
                continue
            checked += 1
            bad += [f'{pair["test"]}: {pair["method"]} {pair["path"]}: {why}'
                    for why in checker.faults(pair)]

    documented = {(path, method, int(status))
                  for path, method, op in operations(doc)
                  for status in op['responses'] if status.isdigit()}
    missing = sorted(documented - checker.seen)
    json.dump({'document': list(check_document(doc)), 'pairs': bad,
               'checked': checked, 'documented': len(documented),
               'seen': len(documented & checker.seen),
               'missing': [f'{m.upper()} {p} {s}' for p, m, s in missing]},
              sys.stdout)


main(*sys.argv[1:])

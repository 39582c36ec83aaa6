#!/usr/bin/perl
#
# example.t - nginx.conf.example is a configuration that works: HTTPS, HTTP/2,
# limits, logs, files and the balancer, as its comments say.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

# A shop of its own makes the database; the example's nginx runs beside it.
my $shop = start_shop();
my $dir = "$shop->{dir}/example";
my %port = map { $_ => free_port() } 80, 443, 8081, 8443;

mkdir $_ for $dir, map { "$dir/$_" } qw(log web web/assets media);
write_file("$dir/web/index.html", "<p>shop</p>\n");
write_file("$dir/web/assets/a1b2.css", "p { }\n" x 200);
write_file("$dir/media/cup.svg", '<svg xmlns="http://www.w3.org/2000/svg"/>');
is(system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "
        . "/CN=shop.example -addext subjectAltName=DNS:shop.example "
        . "-keyout $dir/tls.key -out $dir/tls.pem 2>/dev/null"),
   0, 'a certificate');
system('chown', '-R', 'shop:', $dir) if $> == 0;

# What an installation would change, each of it once at least.
my $conf = read_file(top_folder() . '/nginx.conf.example');
my @changes = (
    [ qr{/usr/lib/nginx/modules}       => '%lib%' ],
    [ qr{host=/run/postgresql [^"]*}   => Shop::Test::database_url() ],
    [ qr{/etc/shop/cursor\.secret}     => "$shop->{dir}/cursor.secret" ],
    [ qr{/etc/shop/}                   => "$dir/" ],
    [ qr{/var/log/nginx/}              => "$dir/log/" ],
    [ qr{/run/nginx\.pid}              => "$dir/nginx.pid" ],
    [ qr{/srv/shop}                    => $dir ],
    [ qr{^user www-data;\n}m           => '' ],
    [ qr{^worker_rlimit_nofile .*\n}m => '' ],
    [ qr{^worker_processes auto;}m     => 'worker_processes 2;' ],
    [ qr{ buffer=64k flush=1s}         => '' ],
    [ qr{listen 80;}                   => "listen 127.0.0.1:$port{80};" ],
    [ qr{listen 443 }                  => "listen 127.0.0.1:$port{443} " ],
    [ qr{127\.0\.0\.1:8081}            => "127.0.0.1:$port{8081}" ],
    [ qr{listen 8443 }                 => "listen 127.0.0.1:$port{8443} " ],
    [ qr{^    default_type .*\n}m      => join('', '    default_type '
        . "application/octet-stream;\n", map { "    $_ $dir/$_;\n" }
        qw(client_body_temp_path proxy_temp_path fastcgi_temp_path
           uwsgi_temp_path scgi_temp_path)) ],
);
for (@changes) {
    my ($from, $to) = @$_;
    ok($conf =~ s/$from/$to/g, "the example has $from");
}
my ($status, $said) = nginx_test($conf);
is($status, 0, 'nginx -t takes it') or diag $said;
unlike($said, qr/\[(?:warn|error)\]/, 'without a warning') or diag $said;

# Run it.
my ($conf_dir) = $said =~ m{file (\S+)/nginx\.conf};
my $pid = fork // die "fork: $!";
if (!$pid) {
    my @as_shop = $> == 0
        ? qw(setpriv --reuid=shop --regid=shop --clear-groups) : ();
    chdir '/';
    Shop::Test::asan_comes_first();
    exec @as_shop, Shop::Test::nginx_program(), '-g', 'daemon off;',
         '-p', $conf_dir, '-e', "$dir/log/start.log",
         '-c', "$conf_dir/nginx.conf" or POSIX::_exit(127);
}
END { kill TERM => $pid if $pid }

sub curl {
    my ($at, $path, @options) = @_;
    my $host = "shop.example:$port{$at}";

    open my $in, '-|', 'curl', '-s', '-i', '--max-time', 30, '--cacert',
        "$dir/tls.pem", '--resolve', "$host:127.0.0.1", @options,
        ($at == 80 ? 'http' : 'https') . "://$host$path" or die "curl: $!";
    local $/;
    return <$in> // '';
}

ok(wait_for(sub { curl(443, '/readyz') =~ /^HTTP\/2 200/ }), 'it is ready');

like(curl(80, '/api/v1/store'), qr{\r\nLocation: https://shop\.example/api}i,
     'HTTP leads to HTTPS');
like(curl(443, '/api/v1/store', '--http1.1'), qr{^HTTP/1\.1 200}, 'HTTP/1.1');
my $answer = curl(443, '/api/v1/store', '--http2');
like($answer, qr{^HTTP/2 200}, 'HTTP/2');
like($answer, qr{"currencies":\[}, 'from the shop');
like($answer, qr{^strict-transport-security: max-age=31536000\r$}m, 'HSTS');
like($answer, qr{^x-request-id: [0-9a-f]{32}\r$}m, 'an id');
unlike($answer, qr{^server: nginx/}m, 'no version');

# Errors of nginx have the shop's shape, here and through the balancer.
for my $at (443, 8443) {
    for (
        [ '/api/v1/' . 'x' x 9000, 414, 'uri_too_long', '--http1.1' ],
        [ '/nothing/' . '%ff', 200, undef ],
        [ '/assets/nothing', 404, 'not_found' ],
        [ '/api/v1/nothing', 404, 'not_found' ],
        [ '/_shop_problem', 404, 'not_found' ],
        [ '/api/v1/products', 413, 'body_too_large', '--data-binary',
          '@' . top_folder() . '/libshop/core/shop.c', '-H',
          'Content-Length: 300000', '--http1.1' ],
    ) {
        my ($path, $want, $code, @options) = @$_;
        my $got = curl($at, $path, @options);
        my $name = substr($path, 0, 30) . " at $at";

        like($got, qr{^HTTP/\S+ $want}m, "$name: $want");
        like($got, qr{"code":"$code"}, "$name: $code") if $code;
    }
}

like(curl(8443, '/api/v1/store'), qr{^HTTP/2 200.*"currencies"}s,
     'the balancer serves');
like(curl(443, '/'), qr{<p>shop</p>}, 'the pages');
like(curl(443, '/c/pots'), qr{<p>shop</p>}, 'and the addresses in them');
like(curl(443, '/assets/a1b2.css', '-H', 'Accept-Encoding: gzip'),
     qr{^cache-control: public, immutable\r$}m, 'files that never change');
like(curl(443, '/media/cup.svg'), qr{^content-type: image/svg\+xml\r$}m,
     'pictures');
like(curl(443, '/metrics'), qr{^shop_requests_total \d+$}m, 'metrics');
like(curl(443, '/shop-status'), qr{"coroutines"}, 'status');

# More than the burst is too much.
open my $flood, '-|', 'h2load', '-n', 600, '-c', 8, '-m', 8,
    "https://127.0.0.1:$port{443}/api/v1/store" or die "h2load: $!";
my $load = do { local $/; <$flood> };
my ($good, $refused) = $load =~ /status codes: (\d+) 2xx.* (\d+) 4xx/;
cmp_ok($good, '>=', 100, 'a burst is served');
cmp_ok($refused, '>', 0, 'what is past it is refused');
wait_for(sub {
    my ($status) = curl(443, '/api/v1/store') =~ /^HTTP\/2 (\d+)/;
    $refused++ if $status == 429;
    return $status == 200;
}, 'the rate allows for more');

# The log has a line of JSON for each of them.
kill QUIT => $pid;
waitpid $pid, 0;
is($?, 0, 'it stopped gracefully');
undef $pid;
my @lines = map { Shop::Test::json()->decode($_) }
    split /\n/, read_file("$dir/log/shop.log");
my ($line) = grep { $_->{route} eq '/api/v1/store' && $_->{status} == 200 }
    @lines;
is($line->{method}, 'GET', 'the log has the method');
like($line->{db_us}, qr/^\d+$/, 'the time in the database');
like($line->{request_id}, qr/^[0-9a-f]{32}$/, 'the id');
is(scalar(grep { $_->{status} == 429 } @lines), $refused, 'every refusal');
is(join("\n", grep { /\[(?:alert|emerg|crit)\]/ }
        split /\n/, read_file("$dir/log/error.log")), '',
   'nothing alarming in its error log');

done();

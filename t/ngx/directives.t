#!/usr/bin/perl
#
# directives.t - what each directive of the module takes, and what nginx -t
# says of what it does not take: what would be right.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my %secret = (good => 32, longest => 4096, short => 31, long => 4097);
my $folder = $ENV{SHOP_TEST_DIR};
for my $name (keys %secret) {
    write_file("$folder/$name", 'k' x $secret{$name});
    Shop::Test::chown_to_shop("$folder/$name");
    chmod 0600, "$folder/$name";
}
my $port = free_port();

# What every configuration here has, each line to be replaced by name.
my %base = (
    shop_database   => '"host=/run/postgresql dbname=shop user=shop_app"',
    shop_secret     => "cursor $folder/good",
    shop_cache_zone => '16m',
);

# http {} with these lines of the shop's, and a location with those.
sub conf {
    my ($http, $location, $main) = @_;
    my ($name) = ($http // '') =~ /^(\w+)/;
    $http = '' if defined $http && $http !~ /;/;    # only left out
    my $base = join '', map { "    $_ $base{$_};\n" }
        grep { $_ ne ($name // '') } sort keys %base;

    return <<"END";
load_module %lib%/ngx_http_shop_module.so;
pid %dir%/nginx.pid;
error_log stderr;
@{[ $main // '' ]}
events { }
http {
    access_log off;
    client_body_temp_path %dir%/body;
    proxy_temp_path %dir%/proxy;
    fastcgi_temp_path %dir%/fastcgi;
    uwsgi_temp_path %dir%/uwsgi;
    scgi_temp_path %dir%/scgi;
    client_max_body_size 64k;
    client_body_buffer_size 64k;
$base
@{[ $http // '' ]}
    server {
        listen 127.0.0.1:$port;
        location /api/ { @{[ $location // 'shop;' ]} }
    }
}
END
}

sub takes {
    my ($name, @conf) = @_;
    my ($status, $said) = nginx_test(conf(@conf));

    ok($status == 0 && $said !~ /\[(?:warn|error|emerg|alert)\]/,
       "takes $name") or diag $said;
}

sub refuses {
    my ($name, $sentence, @conf) = @_;
    my ($status, $said) = nginx_test(conf(@conf));

    ok($status != 0 && $said =~ $sentence, "refuses $name") or diag $said;
}

takes('the least there can be');

# Numbers, sizes and times: the bounds and the first values past them.
my @numbers = (
    [ shop_max_coroutines   => 16, 65536, 15, 65537,
      'must be a number from 16 to 65536' ],
    [ shop_read_connections => 1, 16, 0, 17,
      'must be a number from 1 to 16' ],
    [ shop_slow_connections => 1, 64, 0, 65,
      'must be a number from 1 to 64' ],
    [ shop_tx_connections   => 1, 64, 0, 65,
      'must be a number from 1 to 64' ],
    [ shop_stream_connections => 1, 64, 0, 65,
      'must be a number from 1 to 64' ],
    [ shop_stream_heartbeat => '100ms', '3600s', '99ms', '3601s',
      'must be a time from 100ms to 3600000ms' ],
    [ shop_tx_queue         => 0, 65536, -1, 65537,
      'must be a number from 0 to 65536' ],
    [ shop_stack_size       => '32k', '1024k', '31k', '1025k',
      'must be a size from 32k to 1024k' ],
    [ shop_deadline         => '100ms', '3600s', '99ms', '3601s',
      'must be a time from 100ms to 3600000ms' ],
    [ shop_overload         => '0', '60s', '-1', '61s',
      'must be a time from 0ms to 60000ms' ],
    [ shop_slow_statement   => '0', '3600s', '-1', '3601s',
      'must be a time from 0ms to 3600000ms' ],
    [ shop_drain_time       => '0', '60s', '-1', '61s',
      'must be a time from 0ms to 60000ms' ],
    [ shop_cache_stale      => '0', '1d', '-1', '86401s',
      'must be a time from 0ms to 86400000ms' ],
);
for (@numbers) {
    my ($name, $low, $high, $below, $above, $sentence) = @$_;

    takes("$name $_", "$name $_;") for $low, $high;
    refuses("$name $_", qr/"$name" \Q$sentence\E, not "\Q$_\E"/, "$name $_;")
        for $below, $above, 'many', '99999999999999999999';
    refuses("$name twice", qr/"$name" directive is duplicate/,
            "$name $low; $name $low;");
    refuses("$name without a value",
            qr/invalid number of arguments in "$name"/, "$name;");
    refuses("$name in a location", qr/"$name" directive is not allowed here/,
            '', "shop; $name $low;");
}

# Limits.
takes("a limit $_", "shop_limit $_;")
    for 'address rate=1r/m burst=1', 'key rate=10000r/s burst=100000',
        'guess rate=600000r/m burst=2';
refuses("a limit $_", qr/"shop_limit" must be address, key or guess, then/,
        "shop_limit $_;")
    for 'nobody rate=1r/s burst=1', 'key rate=0r/s burst=1',
        'key rate=10001r/s burst=1', 'key rate=600001r/m burst=1',
        'key rate=1r/h burst=1', 'key rate=1 burst=1', 'key rate=-1r/s burst=1',
        'key rate=1r/s burst=0', 'key rate=1r/s burst=100001',
        'key burst=1 rate=1r/s', 'key rate=99999999999999999999r/s burst=1';
refuses('a limit without a burst', qr/invalid number of arguments/,
        'shop_limit key rate=1r/s;');
refuses('a limit twice', qr/"shop_limit" directive is duplicate/,
        'shop_limit key rate=1r/s burst=1; shop_limit key rate=2r/s burst=1;');

# One of two words.
for ([qw(shop_background on off often)],
     [qw(shop_scheduling batch normal fifo)])
{
    my ($name, $first, $second, $other) = @$_;

    takes("$name $_", "$name $_;") for $first, $second;
    refuses("$name $other",
            qr/"$name" must be $first or $second, not "$other"/,
            "$name $other;");
    refuses("$name twice", qr/"$name" directive is duplicate/,
            "$name $first; $name $second;");
}

# The zone: large enough for the workers there are.
takes('a zone', 'shop_cache_zone 10m;');
takes('no zone', 'shop_cache_zone off;');
refuses("a zone of $_", qr/"shop_cache_zone" must be a size of 1m or more/,
        "shop_cache_zone $_;") for '1023k', '-1', 'big', '0';
refuses('a zone too small for its workers',
        qr/"shop_cache_zone" must be \d+k or more with 64 worker processes/,
        'shop_cache_zone 1m;', undef, 'worker_processes 64;');
refuses('a zone twice', qr/"shop_cache_zone" directive is duplicate/,
        'shop_cache_zone 16m; shop_cache_zone 16m;');

# The database.
takes("the database $_", "shop_database '$_';")
    for 'host=/tmp dbname=s', 'host=127.0.0.1', 'host=::1 port=5433',
        'host=db.example hostaddr=10.0.0.1', 'postgresql:///s?host=/tmp',
        'host=db.example dbname=s', 'postgresql://a.example,b.example/s';
refuses('a database that is none', qr/host=\S+ dbname=shop user=shop_app/,
        "shop_database 'nonsense';");
refuses('an empty database', qr/"shop_database" must not be empty/,
        'shop_database "";');
refuses('no database', qr/"shop_database" is missing, which takes a libpq/,
        'shop_database');
refuses('a database twice', qr/"shop_database" directive is duplicate/,
        "shop_database host=/tmp; shop_database host=/tmp;");

# memcached: a socket, or an address with its port.
takes("memcached at $_", "shop_memcached $_;")
    for '/run/memcached.sock', '127.0.0.1:11211', 'localhost:1',
        'cache-1.example:65535', '[::1]:11211';
refuses("memcached at $_",
        qr/"shop_memcached" must be the path of a socket or HOST:PORT, not/,
        "shop_memcached '$_';")
    for 'localhost', 'localhost:0', 'localhost:65536', ':11211',
        'localhost:http', 'a b:11211', '[::1]', '[]:1';
refuses('memcached at nothing', qr/"shop_memcached" must not be empty/,
        'shop_memcached "";');
refuses('memcached twice', qr/"shop_memcached" directive is duplicate/,
        'shop_memcached /a; shop_memcached /b;');

# Secrets: a file that is long enough, and nobody else's.
takes('a secret', "shop_secret cursor $folder/longest;");
takes('a secret and the one before it',
      "shop_secret cursor $folder/good $folder/longest;");
refuses("a $_ secret", qr/a secret must be a file of 32 to 4096 bytes/,
        "shop_secret cursor $folder/$_;") for 'short', 'long';
refuses('a short secret before it', qr/must be a file of 32 to 4096 bytes/,
        "shop_secret cursor $folder/good $folder/short;");
refuses('a secret of another name',
        qr/there is no secret "coupon"; there is "cursor"/,
        "shop_secret coupon $folder/good;");
refuses('a secret that is not there', qr/the secret "\S+" cannot be read/,
        "shop_secret cursor $folder/nothing;");
refuses('a secret without a file', qr/invalid number of arguments/,
        'shop_secret cursor;');
refuses('no secret', qr/"shop_secret cursor" is missing, which takes a file/,
        'shop_secret');
refuses('a secret twice', qr/"shop_secret" directive is duplicate/,
        "shop_secret cursor $folder/good;" x 2);
chmod 0644, "$folder/good";
my ($status, $said) = nginx_test(conf());
like($said, qr/\[warn\].* is open to every user/,
     'a secret that all may read is warned of');
is($status, 0, 'but taken');
chmod 0600, "$folder/good";

# The pool of threads.
takes('a pool declared elsewhere', 'shop_thread_pool jobs;', undef,
      'thread_pool jobs threads=2;');
refuses('a pool that is not declared', qr/unknown thread pool "jobs"/,
        'shop_thread_pool jobs;');
refuses('a pool twice', qr/"shop_thread_pool" directive is duplicate/,
        'shop_thread_pool a; shop_thread_pool b;', undef,
        'thread_pool a threads=1; thread_pool b threads=1;');

# What a location is.
for my $name (qw(shop shop_status shop_metrics shop_problem)) {
    takes("$name in a location", '', "$name;");
    refuses("$name with a value", qr/invalid number of arguments in "$name"/,
            '', "$name on;");
    refuses("$name in http", qr/"$name" directive is not allowed here/,
            "$name;");
    refuses("$name twice", qr/"$name" directive is duplicate/, '',
            "$name; $name;");
}
refuses('two in a location', qr/"shop_status" directive cannot share a loc/,
        '', 'shop; shop_status;');

# Bodies that would go through a file.
($status, $said) = nginx_test(conf('', 'shop; client_max_body_size 1m;'));
like($said, qr/\[warn\].* should be at least client_max_body_size/,
     'a body buffer smaller than the body is warned of');
is($status, 0, 'but taken');

# Who may be refused first.
takes('conditions', 'shop_shed_first $arg_bot 0;');
refuses('no condition', qr/number of arguments in "shop_shed_first"/,
        'shop_shed_first;');

# Without a location that needs a shop nothing is asked for.
my $bare = conf('', 'return 204;');
$bare =~ s/^    shop_\w+ .*\n//mg;
($status, $said) = nginx_test($bare);
is($status, 0, 'no shop, no directives') or diag $said;

# --- the page about them ---

my $top = top_folder();
my $module = read_file("$top/ngx_module/ngx_http_shop_module.c");
my $page = read_file("$top/docs/configuration.md");
my @there = sort $module
    =~ /^\s+(?:(?:LOCATION|STRING|MAIN|VALUE|CHOICE)\(
              |\{\ ngx_string\()"(shop\w*)"/mgx;
cmp_ok(scalar @there, '>', 15, 'the module has directives');
is(join(' ', sort $page =~ /^### (\w+)$/mg), "@there",
   'docs/configuration.md has each of them, and no other');
for my $name (@there) {
    my ($about) = $page =~ /^### $name\n\n(.*?)(?=^##|\z)/ms;

    like($about, qr/^Context:\ (?:http|location|http,\ server,\ location)
                    \.\ Default:\ .*\n\n\S/x,
         "and says of $name where it stands, and what it is for");
}

# A bound or a default in the page is the module's.
my %default;
my ($init, $last) = read_file("$top/libshop/shop.h")
    =~ /define SHOP_CONF_INIT \{(.*?)\{ \{.*?(\d+, \d+, \d+)\s*\\\n\}/s;
@default{qw(shop_cache_stale shop_deadline shop_overload
            shop_max_coroutines shop_stack_size shop_read_connections
            shop_slow_connections shop_tx_connections shop_tx_queue)}
    = ($init =~ /\d+/g)[-9 .. -1];
@default{qw(shop_stream_connections shop_stream_heartbeat
            shop_slow_statement)} = $last =~ /\d+/g;
for (@numbers) {
    my ($name, $low, $high) = @$_;
    my ($default, $from, $to) = $page =~ /^\#\#\#\ $name\n\n
        .*Default:\ `(\w+)`\.\ Values:\ `(\w+)`\ to\ `(\w+)`\./mx;

    is(plain($from), plain($low), "$name: the least is as the page says");
    is(plain($to), plain($high), "$name: and the most");
    is(plain($default), $default{$name} // 2000, "$name: and the default");
}

# In bytes or milliseconds.
sub plain {
    my ($n, $unit) = $_[0] =~ /^(\d+)(\w*)$/;
    my %times = ('' => 1, k => 1024, ms => 1, s => 1000, h => 3600_000,
                 d => 86400_000);

    return $n * $times{$unit};
}

my @variables = read_file("$top/ngx_module/ngx_http_shop_variables.c")
    =~ /\{ ngx_string\("(shop_\w+)"\)/g;
is(join(' ', sort $page =~ /^\| `\$(\w+)`/mg), join(' ', sort @variables),
   'and every variable');

done();

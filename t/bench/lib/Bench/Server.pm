# Server.pm - one nginx of a measurement: with the shop in it, or as it comes.
#
#     my $shop = Bench::Server->shop(workers => 2, database => $conninfo);
#     my $rival = Bench::Server->plain(location => 'return 204;');
#     $shop->get('/api/v1/store')->{body};
#     $shop->stop;
#
# Both sides listen, log and keep connections alike.  Several run at a time;
# what still does at the end goes with the script.

package Bench::Server;

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

use Shop::HTTP;

use constant LIMIT => 30;

my $dir = $ENV{SHOP_TEST_DIR};
my @as_shop = $> == 0
    ? qw(setpriv --reuid=shop --regid=shop --clear-groups) : ();
my ($count, %running) = (0);
my $owner = $$;


END {
    if ($$ == $owner) {
        my $status = $?;
        $_->stop for values %running;
        $? = $status;
    }
}


# shop(workers =>, cpu => number of the core, database =>, cache => size or
#      'off', deadline => time, http2 => 1, more => directives,
#      connections => at most)
sub shop {
    my ($class, %options) = @_;
    my $self = $class->fresh(%options);
    my $secret = "$self->{dir}/cursor.secret";

    write_file($secret, join '', map { chr 33 + int rand 94 } 1 .. 48);
    chmod 0600, $secret;
    chown_to_shop($secret);
    $self->{module} = "load_module $dir/lib/ngx_http_shop_module.so;";
    $self->{http} = join "\n    ", "shop_database \"$options{database}\";",
        'shop_cache_zone ' . ($options{cache} // '64m') . ';',
        'shop_deadline ' . ($options{deadline} // '5s') . ';',
        $options{more} // (),
        "shop_secret cursor $secret;";
    $self->{locations} = <<'END';
        location /api/ { shop; }
        location = /readyz { shop; }
        location = /shop-status { shop_status; }
END
    $self->start;
    $self->wait_for('/readyz') if $options{ready} // 1;
    return $self;
}


# plain(cpu =>, location => what stands in the only location)
sub plain {
    my ($class, %options) = @_;
    my $self = $class->fresh(%options);

    $self->{module} = $self->{http} = '';
    $self->{locations} = "        location / { $options{location} }\n";
    $self->start;
    $self->wait_for('/') if $options{ready} // 1;
    return $self;
}


sub fresh {
    my ($class, %options) = @_;
    my $self = bless { workers => 1, connections => 4096, %options }, $class;

    $self->{dir} = "$dir/bench" . ++$count;
    mkdir $self->{dir} or die "$self->{dir}: $!\n";
    chown_to_shop($self->{dir});
    $self->{port} = free_port();
    $self->{port2} = free_port();
    $self->{listen2} = $options{http2}
        ? "listen 127.0.0.1:$self->{port2} http2 reuseport;" : '';
    $running{$self->{dir}} = $self;
    return $self;
}


sub conf {
    my ($self) = @_;
    my $d = $self->{dir};
    my $affinity = defined $self->{cpu}
        ? 'worker_cpu_affinity ' . sprintf('%b', 1 << $self->{cpu}) . ';' : '';

    return <<"END";
$self->{module}
daemon off;
worker_processes $self->{workers};
$affinity
worker_rlimit_nofile 20000;
pid $d/nginx.pid;
error_log $d/error.log warn;

events {
    worker_connections $self->{connections};
}

http {
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path $d/body;
    proxy_temp_path $d/proxy;
    fastcgi_temp_path $d/fastcgi;
    uwsgi_temp_path $d/uwsgi;
    scgi_temp_path $d/scgi;
    $self->{http}

    server {
        listen 127.0.0.1:$self->{port} reuseport backlog=4096;
        $self->{listen2}
$self->{locations}
    }
}
END
}


sub start {
    my ($self) = @_;
    my $d = $self->{dir};

    write_file("$d/nginx.conf", $self->conf);
    $self->{pid} = fork // die "fork: $!";
    return if $self->{pid};

    chdir '/';
    open STDOUT, '>', "$d/nginx.out";
    open STDERR, '>&', \*STDOUT;
    exec @as_shop, nginx_program(), '-p', "$d/", '-e', "$d/error.log",
         '-c', "$d/nginx.conf" or POSIX::_exit(127);
}


sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid};

    delete $running{$self->{dir}};
    return unless $pid;
    kill QUIT => $pid;
    for (1 .. LIMIT * 50) {
        return if waitpid($pid, WNOHANG) != 0;
        sleep 0.02;
    }
    kill KILL => $pid;
    waitpid $pid, 0;
}


# Until a path is answered with 200; the pauses are short, as the time of a
# start is measured with them.
sub wait_for {
    my ($self, $path) = @_;
    my $until = time + LIMIT;

    while (1) {
        my $res = eval { $self->get($path) };
        return if $res && $res->{status} == 200;
        die "nginx ended:\n" . read_file("$self->{dir}/error.log")
            . read_file("$self->{dir}/nginx.out")
            if waitpid($self->{pid}, WNOHANG) != 0;
        die "$path: no 200 in " . LIMIT . " s\n" if time > $until;
        sleep 0.001;
    }
}


sub get {
    my ($self, $path, %headers) = @_;

    return Shop::HTTP->new($self->{port})
        ->request('GET', $path, { connection => 'close', %headers });
}


# The head of an answer on a kept-alive connection, as it is sent in a
# measurement.
sub head_of {
    my ($self, $path, %headers) = @_;
    my $conn = Shop::HTTP->new($self->{port});
    my $res = $conn->request('GET', $path, \%headers);

    $conn->close;
    return $res;
}


sub status {
    my ($self) = @_;

    return decode_json($self->get('/shop-status')->{body});
}


sub workers {
    my ($self) = @_;

    open my $in, '<', "/proc/$self->{pid}/task/$self->{pid}/children"
        or die "nginx is gone: $!\n";
    return grep { read_file("/proc/$_/cmdline") =~ /worker process/ }
        split ' ', <$in> // '';
}


# For HTTP/2 without TLS.
sub url2 {
    my ($self) = @_;

    return "http://127.0.0.1:$self->{port2}";
}


sub url {
    my ($self) = @_;

    return "http://127.0.0.1:$self->{port}";
}


# --- small things ----------------------------------------------------------

sub free_port {
    my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
                                       LocalPort => 0) or die "listen: $!";
    return $socket->sockport;
}


sub read_file {
    my ($path) = @_;

    open my $in, '<', $path or return '';
    local $/;
    return <$in> // '';
}


sub write_file {
    my ($path, $text) = @_;

    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}


sub chown_to_shop {
    return if $> != 0;
    my ($uid, $gid) = (getpwnam 'shop')[2, 3];
    chown $uid, $gid, @_;
}


sub nginx_program {
    return (read_file("$ENV{SHOP_BUILD}/config.mk")
            =~ /^NGINX\s*=\s*(.*?)\s*$/m)[0];
}

1;

# Disk.pm - small disks of a test's own, which nobody else sees and which end
# with it, and a PostgreSQL on one of them.  That takes root's rights.
#
#     use Shop::Disk wal => '96m';    # before Shop::Test, which looks where
#     use Shop::Test;                 # its servers are
#
#     plan skip_all => 'only root may mount a small file system'
#         if !small_machine();
#     small_disk("$folder/body", '1m');
#     fill("$folder/body");
#     room("$folder/body");

package Shop::Disk;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $base;
my $owner;


# PostgreSQL is on 400 MB, its log of what was written on `wal` when that is
# given.
sub import {
    my ($class, %options) = @_;
    my $into = caller;
    my @mounts = qw(unshare --mount --propagation private);

    if ($> == 0 && !$ENV{SHOP_TEST_MOUNTS}
        && system(@mounts, 'mount', '-t', 'tmpfs', 'none', '/mnt') == 0)
    {
        $ENV{SHOP_TEST_MOUNTS} = 1;
        exec @mounts, $^X, $0, @ARGV or die "unshare: $!";
    }
    if ($ENV{SHOP_TEST_MOUNTS} && $ENV{SHOP_TEST_DIR}) {
        $base = "$ENV{SHOP_TEST_DIR}/full$$";
        $owner = $$;
        make_machine($options{wal} // '');
        $ENV{SHOP_TEST_DIR} = $base;
    }
    no strict 'refs';
    *{"${into}::$_"} = \&$_
        for qw(small_machine small_disk fill room has_postgresql);
}


# Its folder, if there is one.
sub small_machine { return $base }


sub in_shell {
    my ($script, @more) = @_;

    return system('sh', '-c',
                  "cd \$1 && top=\$1 && . tools/shopenv && $script", 'sh',
                  $top, $base, @more) == 0;
}


# As t/run prepares one.
sub make_machine {
    my ($wal) = @_;

    mount_at($base, '400m');
    $ENV{SHOP_TEST_PG_OPTIONS} .= " -k $base";
    in_shell(<<'END', $wal) or die "the small machine could not be made\n";
        { as_shop true; chown shop: "$2"; own_folder "$2/lib" &&
          copy_module "$SHOP_BUILD" "$2/lib"; pg_create "$2/pg" &&
          if [ -n "$3" ]; then
              mv "$2/pg/pg_wal" "$2/wal" && mkdir "$2/pg/pg_wal" &&
              mount -t tmpfs -o "size=$3,mode=700" none "$2/pg/pg_wal" &&
              chown shop: "$2/pg/pg_wal" &&
              cp -a "$2/wal/." "$2/pg/pg_wal/" && rm -r "$2/wal"
          fi &&
          pg_start "$2/pg" "$2" "$2/postgresql.log" fsync=off \
              max_wal_size=64MB min_wal_size=32MB &&
          create_database "$2" shop_template &&
          migrate "$2" shop_template; } >"$2/setup.log" 2>&1
END
}


sub mount_at {
    my ($path, $size) = @_;

    -d $path or mkdir $path or die "$path: $!";
    system('mount', '-t', 'tmpfs', '-o', "size=$size,mode=755", 'none',
           $path) == 0 or die "mount failed\n";
}


# For nginx to write to; what is there already is hidden.
sub small_disk {
    my ($path, $size) = @_;

    mount_at($path, $size);
    in_shell('chown shop: "$3"', $path) or die "chown failed\n";
}


# Until not one byte more can be written.
sub fill {
    my ($path) = @_;

    open my $out, '>>', "$path/ballast" or die "ballast: $!";
    for my $size (1 << 20, 4096, 1) {
        1 while syswrite $out, 'x' x $size;
    }
}


sub room {
    my ($path) = @_;

    unlink "$path/ballast" or die "ballast: $!";
}


sub has_postgresql { return in_shell('pg_alive "$2/pg"') }


END {
    if ($base && $$ == $owner) {
        my $status = $?;
        in_shell('pg_stop "$2/pg"');
        system('umount', '--lazy', $base);
        rmdir $base;
        $? = $status;
    }
}

1;

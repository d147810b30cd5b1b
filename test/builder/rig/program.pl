# The program that stands where the compiler would. It decides nothing: it tells the test at `address` that it was started,
# and does what the test says, one command after the other, until it is told to exit. In Perl, which every machine with git
# has, because it starts in a tenth of the time that Node takes.
#
#   perl program.pl address word…
#
# Over the socket goes a line of JSON that says who we are; then each line from there is a command and its arguments in
# hexadecimal, and is answered by a line of JSON.
use strict;
use Socket;

my ($address, @words) = @ARGV;
socket(my $test, PF_UNIX, SOCK_STREAM, 0) or exit 70;
connect($test, sockaddr_un($address)) or exit 70;
select((select($test), $| = 1)[0]);
$SIG{CHLD} = 'IGNORE';

# Bytes as a JSON string of the characters with the same numbers.
sub quoted { my $bytes = shift; $bytes =~ s/([^ !#-\[\]-~])/sprintf '\\u%04x', ord $1/ge; return "\"$bytes\""; }
sub list { return '[' . join(',', map { quoted($_) } @_) . ']'; }
sub answer { print $test "{\"$_[0]\":", quoted($_[1]), "}\n"; }

# Not from a module, which would take longer to load than everything else.
my $cwd = readlink("/proc/$$/cwd") // do { require Cwd; Cwd::getcwd() };
print $test "{\"pid\":$$,\"cwd\":", quoted($cwd), ',"argv":', list(@words), ',"environment":', list(%ENV), "}\n";

sub make_parent {
  my $path = '';
  my @parts = split m{/}, shift;
  pop @parts;
  for (@parts) { $path .= "$_/"; mkdir $path; }
}

sub write_all { my ($to, $bytes) = @_; while (length $bytes) { substr($bytes, 0, syswrite($to, $bytes) // die "$!\n") = ''; } return ''; }

my %commands = (
  # Unbuffered, so that it is in the pipe when the test is told so.
  print => sub { my ($text, $to) = @_; return write_all($to eq 'stderr' ? \*STDERR : \*STDOUT, $text); },
  read => sub { open(my $file, '<:raw', $_[0]) or die "$!\n"; local $/; return unpack 'H*', <$file> // ''; },
  write => sub { make_parent($_[0]); open(my $file, '>:raw', $_[0]) or die "$!\n"; return write_all($file, $_[1]); },
  link => sub { symlink($_[1], $_[0]) or die "$!\n"; return ''; },
  ignoreTermination => sub { $SIG{TERM} = 'IGNORE'; return ''; },
  child => sub {
    my %is = map { $_ => 1 } @_;
    pipe(my $up, my $ready);
    my $pid = fork;
    if (!$pid) {
      $SIG{TERM} = $is{stubborn} ? 'IGNORE' : 'DEFAULT';
      close $test;
      open STDIN, '<', '/dev/null';
      if (!$is{holdOutput}) { open STDOUT, '>', '/dev/null'; open STDERR, '>', '/dev/null'; }
      if ($is{ownGroup}) { require POSIX; POSIX::setsid(); }
      close $ready;
      # Not for ever, so that a failing test leaves nothing behind for long.
      sleep 120;
      exit;
    }
    close $ready;
    <$up>;
    return $pid;
  },
  crash => sub { kill $_[0], $$; sleep 120; },
);

while (my $line = <$test>) {
  chomp $line;
  my ($name, @arguments) = split / /, $line, -1;
  @arguments = map { pack 'H*', $_ } @arguments;
  exit $arguments[0] if $name eq 'exit';
  my $result = eval { $commands{$name}->(@arguments) };
  chomp(my $error = $@);
  $error eq '' ? answer('result', $result) : answer('error', $error);
}
# Without the test, nothing says when to stop.
exit 70;

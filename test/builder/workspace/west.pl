# Stands in for west where workspaces are made: `init -l` and `update`, over real git, and as patient as a test wants. In
# Perl, which every machine with git has, because it starts in a tenth of the time that Node takes. Of YAML it knows what
# `upstream.ts` writes: a remote or a project is a line.
use strict;
$| = 1;

my ($command, @arguments) = @ARGV;
my %seen;
if ("$command $arguments[0]" eq 'init -l') {
  mkdir '.west' or die "$!\n";
  write_file('.west/config', "[manifest]\npath = $arguments[1]\nfile = west.yml\n\n");
} elsif ($command eq 'update') {
  update(read_file('config/west.yml'));
} else {
  exit 2;
}

sub update {
  my ($manifest) = @_;
  my %bases;
  for (split /\n/, $manifest) {
    next if /^(#|manifest:$|  (remotes|projects):( \[\])?$|  self: )/;
    my ($entry) = /^    - \{(.*)\}$/ or die "This west cannot read '$_'.\n";
    my %entry = map { /^([\w-]+): "?(.*?)"?$/ } split /, /, $entry;
    if (exists $entry{'url-base'}) { $bases{$entry{name}} = $entry{'url-base'}; }
    else { update_project("$bases{$entry{remote}}/$entry{name}", %entry); }
  }
}

sub update_project {
  my ($url, %project) = @_;
  my ($name, $revision) = @project{'name', 'revision'};
  return if $seen{$name}++;
  my $place = $project{path} // $name;
  print "=== updating $name ($place):\n";
  # The test says where to stop.
  if (-e "$ENV{HOME}/hang-at-$name") {
    print "hanging\n";
    sleep 1 while 1;
  }
  make_repository($place) if !-e "$place/.git";
  my $ref = 'refs/heads/manifest-rev';
  # Succeeds if that commit is here.
  if ($revision !~ /^[0-9a-f]{40}$/ || system("git -C '$place' update-ref $ref $revision 2>/dev/null")) {
    print "--- $name: fetching, need revision $revision\n";
    my @options = map { /^-o=(.*)/ } @arguments;
    if (system('git', '-C', $place, 'fetch', '-q', '--no-tags', @options, '--', $url, "+$revision:$ref")) {
      print STDERR "ERROR: update failed for project $name\n";
      exit 1;
    }
  }
  system('git', '-C', $place, 'checkout', '-q', '--detach', $ref) and exit 1;
  my $import = $project{import} or return;
  update(read_file("$place/" . ($import eq 'true' ? 'west.yml' : $import)));
}

# As `git init` does, and without another start of git.
sub make_repository {
  my ($place) = @_;
  my $path = '';
  for (split m{/}, "$place/.git") { $path .= "$_/"; mkdir $path; }
  mkdir "$path$_" for 'objects', 'refs', 'refs/heads';
  write_file("${path}HEAD", "ref: refs/heads/main\n");
  write_file("${path}config", "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n");
}

sub read_file { open(my $file, '<', $_[0]) or die "$_[0]: $!\n"; local $/; return <$file>; }
sub write_file { open(my $file, '>', $_[0]) or die "$_[0]: $!\n"; print $file $_[1]; }

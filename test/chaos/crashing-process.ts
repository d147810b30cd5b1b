// Stands in for a process of the chaos run that ends by itself: as the slot in its name says, by a signal, with a
// status, or only when it is told to.
const { name } = JSON.parse(process.argv[2]!) as { name: string };
if (name.startsWith('0.')) process.kill(process.pid, 'SIGKILL');
if (name.startsWith('1.')) {
  process.stderr.write('Something was never caught.');
  process.exitCode = 3;
} else process.stdin.resume();

// A process that starts a program with a limited number of free file descriptors, from none to more than it needs.
import { closeSync, openSync } from 'node:fs';
import { runProcess } from '../../src/system/process.ts';

const [directory, most] = process.argv.slice(2) as [string, string];
// Once with enough of them, so that nothing has to be loaded later.
const start = () =>
  runProcess({ command: 'true', args: [], cwd: directory, env: { PATH: process.env.PATH! } });
await start();

const outcomes: string[] = [];
for (let left = 0; left <= Number(most); left++) {
  const held: number[] = [];
  try {
    for (;;) held.push(openSync('/dev/null', 'r'));
  } catch {
    // That was the last one.
  }
  for (const descriptor of held.splice(0, left)) closeSync(descriptor);
  outcomes.push(
    await start().then(
      ({ exitCode }) => `exit ${exitCode}`,
      (error: Error) => error.message,
    ),
  );
  for (const descriptor of held) closeSync(descriptor);
}
process.stdout.write(JSON.stringify(outcomes));

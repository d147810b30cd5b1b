// A compile thread that follows the test instead of compiling: `task.target.artifactName` names what it does.
import { spawn } from 'node:child_process';

export default async function work({ port, target }) {
  if (target.artifactName === 'answer')
    return { ok: true, source: 'compiled', files: [], compileDuration: 1, stored: true };
  // A compiler that only SIGKILL ends.
  const script = "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)";
  const child = spawn(process.execPath, ['-e', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise(resolve => child.stdout.once('data', resolve));
  port.postMessage({ type: 'process', event: 'started', processGroup: child.pid });
  port.postMessage({ type: 'event', thread: 1, event: { type: 'output', line: String(child.pid) } });
  if (target.artifactName === 'exit') process.exit(3);
  if (target.artifactName === 'throw')
    setImmediate(() => {
      throw new Error('a bug');
    });
  if (target.artifactName === 'block') for (;;);
  return new Promise(() => {});
}

// A peer in Python that keeps the first value of each key for ever: later writes are acknowledged and lost.
import { fileURLToPath } from 'node:url';
import type { Peer } from '../../../bench/peer.ts';

const PROGRAM = fileURLToPath(new URL('../../../bench/diskcache-host.py', import.meta.url));
const MODULES = fileURLToPath(new URL('.', import.meta.url));

export const peer: Peer = {
  title: 'stale',
  setup: 'a dictionary',
  versions: () => ({}),
  open: () => {
    throw new Error('This peer is a program.');
  },
  program: { command: 'env', args: [`PYTHONPATH=${MODULES}`, 'python3', PROGRAM, 'Cache'] },
};

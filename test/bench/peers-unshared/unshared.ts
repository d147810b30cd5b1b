// A peer with a separate store in each thread: no thread sees what another one writes.
export { peer } from '../../../bench/baseline.ts';

// A store that each thread has for itself: what one writes the others never see.
export { peer } from '../../../bench/baseline.ts';

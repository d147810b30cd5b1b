// A store that does what it should, beside one that crashes.
export { peer } from '../../../bench/peers/better-sqlite3.ts';

// A correct peer beside one that crashes.
export { peer } from '../../../bench/peers/better-sqlite3.ts';

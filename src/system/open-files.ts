// Limit on open files per thread. A thousand large values set together would otherwise use up the process's
// descriptors, and most of the values would be lost.
import pLimit from 'p-limit';

// Slightly more than the threads of Node's file system pool.
const MAX_OPEN = 16;

/**
 * Runs `work`, which may open a file or two, when a slot is free. Must not be called from within such work: it
 * would deadlock.
 */
export const withOpenFile = pLimit(MAX_OPEN);

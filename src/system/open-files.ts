// How many files a thread has open at once: a thousand large values that are set together would otherwise take all
// descriptors of the process, and most of them would be lost.
import pLimit from 'p-limit';

// Some more than the threads in which Node reads and writes them.
const MAX_OPEN = 16;

/** Runs `work`, which opens a file or two, as soon as few others do. Not to be called from within such work. */
export const withOpenFile = pLimit(MAX_OPEN);

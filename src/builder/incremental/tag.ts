// Cache tag of builds. In a file of its own, so that a build plan can name the caches without loading them.

/** The namespace of records about builds and workspaces. */
export const COMPILATION_TAG = 'compilation';

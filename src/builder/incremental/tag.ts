// In a file of its own, so that a build's plan can name the caches without loading them.

/** The namespace of what is known about builds and workspaces. */
export const COMPILATION_TAG = 'compilation';

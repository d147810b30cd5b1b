// Queue that an agent serves: it takes every job from it.
import type { Capability } from './capability.ts';

export interface ServedQueue {
  name: string;
  capability: Capability;
  /** The workspace of its jobs, absolute; undefined if they need none. */
  workspace?: string | undefined;
  /** In words. */
  detail: string;
}

// Effects of a call on each of its keys, and what its answer says about them.
import { BLOB_THRESHOLD } from '../../src/cache/storage/blobs.ts';
import type { CacheCall, CallResult } from './log-lines.ts';
import { describeOperation, type Operation } from './register.ts';
import type { Effect } from './state.ts';
import { sizeOf } from './values.ts';
import type { Violation } from './violation.ts';

/** The keys of a call; none for calls on the whole cache. */
export function keysOfCall(ask: CacheCall): string[] {
  if ('keys' in ask) return ask.keys;
  return 'key' in ask ? [ask.key] : [];
}

/** Whether the call may be answered from a thread's memory. */
export function readsFromMemory({ op }: CacheCall): boolean {
  return op === 'get' || op === 'getMany' || op === 'getOrSet';
}

/** The effect of a call before it is answered. */
export function effectOf(ask: CacheCall): Effect {
  switch (ask.op) {
    case 'set':
    case 'add':
      return { type: ask.op, ...productOf(ask) };
    case 'setMany':
    case 'putFile':
      return { type: 'set', value: ask.value };
    case 'delete':
      return { type: 'delete' };
    case 'increment':
      return { type: 'increment', by: ask.by };
    case 'touch':
      return { type: 'touch', ttl: ask.ttl };
    default:
      return { type: 'read', value: null };
  }
}

/** The values that a call stores, and their lifetime. */
export function productOf(ask: { value: string; ttl?: number }): { value: string; ttl?: number } {
  return ask.ttl === undefined ? { value: ask.value } : { value: ask.value, ttl: ask.ttl };
}

/**
 * Completes the operation with its answer. `isUseless`: nothing follows from the answer, or it is a violation by
 * itself, which is returned.
 */
export function complete(
  ask: CacheCall,
  key: string,
  operation: Operation,
  answer: CallResult,
): { isUseless: boolean; found?: Pick<Violation, 'kind' | 'message'> } {
  const { effect } = operation;
  switch (ask.op) {
    case 'get':
    case 'getFile':
    case 'getOrSet':
      return completeRead(ask, operation, answer as string | null);
    case 'getMany':
      return completeRead(ask, operation, (answer as Record<string, string | null>)[key]!);
    case 'entries': {
      const value = (answer as Record<string, string>)[key];
      if (value !== undefined) return completeRead(ask, operation, value);
      operation.effect = { type: 'passed', excused: false };
      return { isUseless: false };
    }
    case 'has':
      operation.effect = { type: 'has', found: answer === true };
      return { isUseless: false };
    case 'increment':
      if (effect.type === 'increment' && typeof answer === 'number') effect.sum = answer;
      else return refused(ask, operation, answer);
      return { isUseless: false };
    default:
      if (effect.type === 'add') effect.added = answer === true;
      else if (effect.type === 'delete') effect.deleted = answer === true;
      else if (effect.type === 'touch') effect.touched = answer === true;
      else if (answer !== true) return refused(ask, operation, answer);
      return { isUseless: false };
  }
}

/** Makes the operation a read that returned this value, or null for a miss. */
export function completeRead(
  ask: CacheCall,
  operation: Operation,
  value: string | null,
): ReturnType<typeof complete> {
  if (value?.startsWith('torn:')) {
    return {
      isUseless: true,
      found: { kind: 'torn-value', message: `${ask.op} of ${operation.id} gave ${value}` },
    };
  }
  operation.effect = { type: 'read', value };
  // Only copies in a thread's memory may be stale: hits, except blobs.
  if (value === null || sizeOf(value) > BLOB_THRESHOLD) operation.start = operation.call;
  return { isUseless: false };
}

// It may have happened all the same.
function refused(ask: CacheCall, operation: Operation, answer: CallResult): ReturnType<typeof complete> {
  operation.optional = true;
  const message = `${ask.op} was answered with ${String(answer)}: ${describeOperation(operation)}`;
  return { isUseless: false, found: { kind: 'refused-write', message } };
}

// State machine of a key: its possible values, and the effect of each operation under the cache's promises.
import { numberId } from './values.ts';

/** The full state of one key. */
export interface State {
  /** The value's id; null: no entry; undefined: anything (after a violation, so that one is not reported twice). */
  readonly value: string | null | undefined;
  /** The expiry time, as far as it can be known from outside: not before `from`, not after `until`. Infinity: never. */
  readonly from: number;
  readonly until: number;
  /** Whether a getOrSet stored its product since there was no entry. */
  readonly product: boolean;
}

export type Effect =
  | { type: 'read'; value: string | null }
  | { type: 'has'; found: boolean }
  /** An iteration did not return the key. `excused`: it was written meanwhile. */
  | { type: 'passed'; excused: boolean }
  | { type: 'set'; value: string; ttl?: number }
  /** A product of getOrSet: stored only under a lease that is still valid. */
  | { type: 'product'; value: string; ttl?: number }
  // Without an answer, its fields are undefined.
  | { type: 'add'; value: string; ttl?: number; added?: boolean }
  | { type: 'delete'; deleted?: boolean }
  | { type: 'increment'; by: number; sum?: number }
  | { type: 'touch'; ttl: number; touched?: boolean };

/** The times of an operation's call and answer. */
export interface Interval {
  call: number;
  end: number;
}

// Expiry follows the wall clock, which the machine may adjust relative to the clock of the logs.
const CLOCK_SLACK_MS = 20;

export const ABSENT: State = { value: null, from: Infinity, until: Infinity, product: false };
export const UNKNOWN: State = { ...ABSENT, value: undefined };

/** Two states are the same if their texts are equal. */
export function stateKey({ value, from, until, product }: State): string {
  return `${value === undefined ? '?' : (value ?? '-')}|${from}|${until}|${product ? 1 : 0}`;
}

/** Whether an effect can change an entry. */
export function isWrite(effect: Effect): boolean {
  return effect.type !== 'read' && effect.type !== 'has' && effect.type !== 'passed';
}

/** Whether it cannot have changed the entry, judged by its answer. */
export function isWithoutEffect(effect: Effect): boolean {
  if (!isWrite(effect)) return true;
  if (effect.type === 'add') return effect.added === false;
  if (effect.type === 'delete') return effect.deleted === false;
  return effect.type === 'touch' && effect.touched === false;
}

/**
 * The possible states after the effect, given the one before: empty when the effect, with its answer, cannot happen in
 * this state. `evicts`: the entry may be evicted.
 */
export function step(state: State, effect: Effect, at: Interval, evicts: boolean): State[] {
  const isUnknown = state.value === undefined;
  const isThere = state.value !== null;
  const mayBeLive = isUnknown || (isThere && at.call < state.until + CLOCK_SLACK_MS);
  const isExpired = isThere && !isUnknown && at.end >= state.from - CLOCK_SLACK_MS;
  const mayBeGone = isUnknown || !isThere || evicts || isExpired;
  // An expired entry stays until a write finds it; an evicted one is gone for good.
  const gone = isUnknown || evicts ? ABSENT : state;
  const next: State[] = [];
  const stored = (value: string, ttl: number | undefined, product: boolean): State => ({
    value,
    from: ttl === undefined ? Infinity : at.call + ttl,
    until: ttl === undefined ? Infinity : at.end + ttl,
    product,
  });
  switch (effect.type) {
    case 'read':
      if (effect.value === null) return mayBeGone ? [gone] : [];
      if (isUnknown) return [{ ...ABSENT, value: effect.value }];
      return mayBeLive && state.value === effect.value ? [state] : [];
    case 'has':
      if (effect.found) return mayBeLive ? [state] : [];
      return mayBeGone ? [gone] : [];
    case 'passed':
      if (effect.excused) return [state];
      return mayBeGone ? [gone] : [];
    case 'set':
      return [stored(effect.value, effect.ttl, state.product && !mayBeGone)];
    case 'product':
      if (mayBeGone || !state.product) return [stored(effect.value, effect.ttl, true)];
      return [];
    case 'add':
      if (effect.added !== false && mayBeGone) next.push(stored(effect.value, effect.ttl, false));
      if (effect.added !== true && mayBeLive) next.push(state);
      return next;
    case 'delete':
      if (effect.deleted === undefined) return [ABSENT];
      return (effect.deleted ? mayBeLive : mayBeGone) ? [ABSENT] : [];
    case 'increment': {
      if (isUnknown)
        return effect.sum === undefined ? [UNKNOWN] : [{ ...ABSENT, value: numberId(effect.sum) }];
      const current = isThere ? Number(state.value!.slice(1)) : 0;
      if (isThere && mayBeLive && fits(effect, current)) {
        next.push({ ...state, value: numberId(current + effect.by) });
      }
      if (mayBeGone && fits(effect, 0)) next.push({ ...ABSENT, value: numberId(effect.by) });
      return next;
    }
    case 'touch':
      if (effect.touched !== false && mayBeLive) {
        next.push(isUnknown ? state : { ...stored(state.value!, effect.ttl, state.product) });
      }
      if (effect.touched !== true && mayBeGone) next.push(gone);
      return next;
  }
}

function fits({ by, sum }: { by: number; sum?: number }, current: number): boolean {
  return sum === undefined || sum === current + by;
}

// Classifies an answer that has no explanation.
import type { Operation } from './register.ts';
import type { State } from './state.ts';
import type { Violation } from './violation.ts';

type Known = ReadonlySet<string>;

export function classify(
  { id, effect }: Operation,
  states: readonly State[],
  known: Known,
): Pick<Violation, 'kind' | 'message'> {
  const values = [...new Set(states.map(({ value }) => value ?? 'no entry'))];
  const there = `there can have been: ${values.slice(0, 6).join(' or ')}`;
  const sums = states.map(({ value }) => (value?.startsWith('=') ? Number(value.slice(1)) : 0));
  const wrong = (kind: Violation['kind'], what: string) => ({ kind, message: `${id} ${what}; ${there}` });
  const compareSum = (sum: number, what: string) =>
    wrong(sum < Math.min(...sums) ? 'lost-increment' : 'doubled-increment', what);
  switch (effect.type) {
    case 'read':
      if (effect.value === null) return wrong('lost-write', 'found nothing');
      if (effect.value.startsWith('='))
        return compareSum(Number(effect.value.slice(1)), `read ${effect.value}`);
      if (!known.has(effect.value))
        return wrong('unwritten-value', `read ${effect.value}, which was never written`);
      return wrong('stale-read', `read ${effect.value}`);
    case 'has':
      return effect.found ? wrong('ghost', 'found an entry') : wrong('lost-write', 'found no entry');
    case 'passed':
      return wrong('lost-write', 'iterated and did not come across the entry');
    case 'add':
      return effect.added
        ? wrong('double-add', `added ${effect.value}`)
        : wrong('ghost', `was refused to add ${effect.value}`);
    case 'delete':
      return effect.deleted
        ? wrong('ghost', 'deleted an entry')
        : wrong('lost-write', 'had nothing to delete');
    case 'touch':
      return effect.touched
        ? wrong('ghost', 'touched an entry')
        : wrong('lost-write', 'had nothing to touch');
    case 'increment':
      return compareSum((effect.sum ?? 0) - effect.by, `incremented by ${effect.by} to ${effect.sum}`);
    case 'product':
      return wrong('two-products', `stored its product ${effect.value}`);
    case 'set':
      return wrong('stale-read', `stored ${effect.value} out of order`);
  }
}

// Keyv's own test suite for storage adapters, adapted from its runner to AVA.
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import test from 'ava';
import { expect } from 'expect';
import { KeyvGlovebox } from '../../src/keyv.ts';
import { makeDirectory, removeDirectory } from '../support/temporary.ts';

type Body = (t: { expect: typeof expect }) => unknown;

/** The parts of its runner that the suite uses. */
class Runner {
  readonly expect = expect;
  readonly #label: string;
  readonly #before: (() => unknown)[] = [];
  readonly #after: (() => unknown)[] = [];

  constructor(label: string) {
    this.#label = label;
  }

  beforeEach(hook: () => unknown): void {
    this.#before.push(hook);
  }

  afterEach(hook: () => unknown): void {
    this.#after.push(hook);
  }

  it(name: string, body: Body): void {
    test.serial(`${this.#label}: ${name}`, async t => {
      for (const hook of this.#before) await hook();
      expect.setState({ assertionCalls: 0, expectedAssertionsNumber: null });
      await body({ expect });
      const { assertionCalls, expectedAssertionsNumber } = expect.getState();
      if (expectedAssertionsNumber != null) t.is(assertionCalls, expectedAssertionsNumber);
      for (const hook of this.#after) await hook();
      t.pass();
    });
  }
}

/** Declares all tests of the suite over `makeStore`. */
export function conforms(label: string, Keyv: unknown, makeStore: () => unknown): void {
  for (const [name, suite] of Object.entries({ keyvTestSuite, keyvIteratorTests })) {
    suite(new Runner(`${label}, ${name}`) as never, Keyv as never, makeStore);
  }
}

/** A factory of stores with the same entries, in a directory that is removed at the end. */
export function gloveboxStores(): () => KeyvGlovebox {
  let cacheRoot = '';
  const stores: KeyvGlovebox[] = [];
  test.before(async () => {
    cacheRoot = await makeDirectory();
  });
  test.after.always(async () => {
    await Promise.all(stores.map(store => store.disconnect()));
    await removeDirectory(cacheRoot);
  });
  return () => {
    const store = new KeyvGlovebox({ cacheRoot });
    stores.push(store);
    return store;
  };
}

import test from 'ava';
import { ContractContext } from '../contract/context.ts';
import { contract } from '../contract.ts';

for (const one of contract) {
  test(one.name, async t => {
    await t.notThrowsAsync(ContractContext.run('memory', one));
  });

  test(`synchronously: ${one.name}`, async t => {
    await t.notThrowsAsync(ContractContext.run('memory', one, 'synchronous'));
  });
}

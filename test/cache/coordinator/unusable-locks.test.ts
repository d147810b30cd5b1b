// A directory of locks that becomes unusable while a value is produced.
import { chownSync } from 'node:fs';
import test from 'ava';
import { startProcess } from '../../support/process.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { noRoot } from '../damage/support.ts';

const faults: Record<string, { break: string; skip?: string | undefined; isUnseen?: boolean }> = {
  'becomes a file': { break: `fs.renameSync(locks, locks + '-gone'); fs.writeFileSync(locks, '');` },
  // It is created again.
  'is removed': { break: 'fs.rmSync(locks, { recursive: true });', isUnseen: true },
  'becomes a link': { break: `fs.renameSync(locks, locks + '-gone'); fs.symlinkSync('/', locks);` },
  'becomes unreadable': { break: 'fs.chmodSync(locks, 0o000);', skip: noRoot },
};

// Root can read everything.
const ANOTHER_USER = 65534;

for (const [name, fault] of Object.entries(faults)) {
  const run = fault.skip ? test.skip : test;
  run(`a directory of locks that ${name} while a value is produced costs at most a warning`, async t => {
    const cacheRoot = await temporaryRoot(t);
    if (!noRoot) chownSync(cacheRoot, ANOTHER_USER, ANOTHER_USER);
    const ended = await startProcess(
      t,
      async ({ createDefaultCache, fs }, cacheRoot, breaking, user) => {
        if (user > 0) process.setuid?.(user);
        const warnings: string[] = [];
        process.on('warning', warning => warnings.push(`${warning}`));
        const cache = createDefaultCache({ cacheRoot, tag: 'a' });
        const breakLocks = new Function('fs', 'locks', breaking);
        const values = [
          await cache.getOrSet('key', () => {
            breakLocks(fs, `${cacheRoot}/a/locks`);
            return 'produced';
          }),
          await cache.getOrSet('key', () => 'again'),
          // Without locks, as for a key without any other caller.
          await cache.getOrSet('other', () => 'other'),
          await cache
            .getOrSet('failing', () => {
              throw new Error('no compiler');
            })
            .catch((error: Error) => error.message),
        ];
        // The locks are released after the answer.
        for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setTimeout(resolve, 5));
        await cache.close();
        return { values, warnings };
      },
      [cacheRoot, fault.break, noRoot ? 0 : ANOTHER_USER] as [string, string, number],
    ).result();
    t.deepEqual(ended.values, ['produced', 'produced', 'other', 'no compiler']);
    t.is(ended.warnings.length, fault.isUnseen ? 0 : 1, ended.warnings.join('\n'));
    for (const warning of ended.warnings) t.regex(warning, /The cache 'a' has trouble.*locks/);
  });
}

// Uploads that begin as a build ends: they are queued before the tier closes, and counted.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { SharedFirmware } from '../../../src/builder/incremental/shared-firmware.ts';
import type { PutOutcome, RemoteTier } from '../../../src/cache/remote/remote-tier.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

type Services = ConstructorParameters<typeof SharedFirmware>;
type Made = Parameters<SharedFirmware['prepare']>;

test('a manifest that is read slowly does not keep the last upload from being stored and counted', async t => {
  const file = path.join(await temporaryDirectory(t), 'x.uf2');
  writeFileSync(file, 'firmware');
  const kinds: string[] = [];
  let isClosed = false;
  const tier = {
    async put(_key: string, { kind }: { kind: string }): Promise<PutOutcome> {
      if (isClosed) return 'dropped';
      kinds.push(kind);
      return 'stored';
    },
    async close() {
      isClosed = true;
    },
  } as unknown as RemoteTier;
  const read = Promise.withResolvers<undefined>();
  const builds = { manifest: () => read.promise } as unknown as Services[1];
  const shared = new SharedFirmware(tier, builds, {} as Services[2]);

  const made = { base: {}, digest: 'd', key: 'k' } as unknown as Made[0];
  const upload = await shared.prepare(made, {
    files: [file],
    compileDuration: 1,
    warnings: [],
  } as unknown as Made[1]);
  upload([file]);
  const closed = shared.close();
  read.resolve(undefined);
  await closed;

  t.deepEqual(kinds, ['firmware', 'manifest', 'manifest']);
  t.deepEqual(shared.counts, { hits: 0, misses: 0, stored: 1, notStored: 0 });
});

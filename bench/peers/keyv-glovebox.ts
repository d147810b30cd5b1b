// The keyv peer with Glovebox's adapter, opened in every thread, as a replacement of @keyv/sqlite.
import Keyv from 'keyv';
import { KeyvGlovebox } from '../../src/keyv.ts';
import { packageVersion } from '../package-version.ts';
import { noFiles, type Peer } from '../peer.ts';
import { TAG } from './glovebox.ts';
import { storeOf } from './keyv.ts';

export const peer: Peer = {
  title: 'keyv, glovebox/keyv',
  setup: 'opened per thread, the default serializer of keyv; WAL, synchronous=NORMAL',
  versions: () => ({ keyv: packageVersion('keyv') }),
  lacks: noFiles,

  open(directory) {
    return storeOf(
      new Keyv({ store: new KeyvGlovebox({ cacheRoot: directory, tag: TAG, maxSize: '64GB' }) }),
    );
  },
};

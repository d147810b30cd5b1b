// Agreement on a store's options: what applies once several callers have stated theirs.
import { ConflictingOptionsError } from '../../errors.ts';
import type { Stated, StoreOptions, Terms } from '../protocol.ts';

const SHOWN: { [Name in keyof StoreOptions]: (value: StoreOptions[Name]) => string } = {
  maxSize: value => `a size limit of ${value} bytes`,
  policy: value => `the eviction policy '${value}'`,
  allowUntrusted: value => `allowUntrusted: ${value}`,
};

/**
 * The options of an open store once another caller asks for it: each is the one that either states. The order of the
 * two does not matter.
 *
 * @throws ConflictingOptionsError, naming both, when they state different ones. The backend always counts as stated
 */
export function agree(open: Terms, wanted: Terms, directory: string): StoreOptions & { explicit: Stated } {
  const refuse = (is: string, not: string): never => {
    throw new ConflictingOptionsError(
      `The cache '${wanted.tag}' in ${directory} is open with ${is}, not ${not}. Use the same options everywhere, or close it first.`,
    );
  };
  if (open.backend !== wanted.backend) refuse(`the ${open.backend} backend`, wanted.backend);
  const one = <Name extends keyof StoreOptions>(name: Name): StoreOptions[Name] => {
    const [is, not] = [open[name], wanted[name]] as [StoreOptions[Name], StoreOptions[Name]];
    if (open.explicit[name] && wanted.explicit[name] && is !== not) {
      refuse(SHOWN[name](is), SHOWN[name](not));
    }
    return wanted.explicit[name] ? not : is;
  };
  const isStated = (name: keyof StoreOptions) => open.explicit[name] || wanted.explicit[name];
  return {
    maxSize: one('maxSize'),
    policy: one('policy'),
    allowUntrusted: one('allowUntrusted'),
    explicit: {
      maxSize: isStated('maxSize'),
      policy: isStated('policy'),
      allowUntrusted: isStated('allowUntrusted'),
    },
  };
}

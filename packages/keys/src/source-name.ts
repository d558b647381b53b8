import { Misconfigured } from '@countermark/core'

/**
 * Checks a source's name, which becomes the value of a metric label.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireSourceName(name: string): string {
  if (typeof name === 'string' && /^[a-z][a-z0-9_]{0,31}$/.test(name)) return name
  throw new Misconfigured('ERR_OPTION_INVALID', 'name must be up to 32 of a-z 0-9 _ and start with a letter')
}

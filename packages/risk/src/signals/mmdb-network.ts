import { Misconfigured } from '@countermark/core'
import { isJsonObject } from '@countermark/core/internal'
import type { FindNetwork, NetworkPlace } from './network-place.ts'

/** What is used of a reader of an MMDB file: those of `maxmind` and `mmdb-lib` fit. */
export interface MmdbReader {
  /** What the file has of an address; nothing for one that it does not know. */
  readonly get: (address: string) => unknown
}

/**
 * Finds where addresses belong in MMDB files: the number of the autonomous system in one, the country in another, or both in
 * one, as the databases of MaxMind, IPinfo and DB-IP name them. Files are opened by you, and may be opened anew at any time.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 * @example
 * import { open } from 'maxmind'
 * assessRisk({ network: mmdbNetwork(await open('GeoLite2-ASN.mmdb'), await open('GeoLite2-Country.mmdb')) })
 */
export function mmdbNetwork(...readers: readonly MmdbReader[]): FindNetwork {
  if (readers.length === 0 || !readers.every((reader) => typeof Object(reader).get === 'function')) {
    throw new Misconfigured('ERR_OPTION_INVALID', "mmdbNetwork takes readers such as await maxmind.open('asn.mmdb')")
  }
  return (address) => {
    let asn: number | undefined
    let country: string | undefined
    for (const reader of readers) {
      const place = readPlace(reader.get(address))
      asn ??= place.asn
      country ??= place.country
    }
    return asn === undefined && country === undefined ? undefined : { asn, country }
  }
}

const COUNTRY = /^[A-Z]{2}$/
const SYSTEM = /^AS(\d{1,10})$/

/** `autonomous_system_number` and `country.iso_code`; or flat, as `asn: "AS64500"` and `country: "DE"`. */
function readPlace(record: unknown): NetworkPlace {
  if (!isJsonObject(record)) return {}
  const { autonomous_system_number: number, asn, country, country_code: code } = record
  const iso = isJsonObject(country) ? country['iso_code'] : (code ?? country)
  const system = typeof number === 'number' ? number : Number(SYSTEM.exec(String(asn))?.[1])
  return {
    asn: Number.isSafeInteger(system) && system > 0 ? system : undefined,
    country: typeof iso === 'string' && COUNTRY.test(iso) ? iso : undefined,
  }
}

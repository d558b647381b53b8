/** What a source knows of an address. */
export interface NetworkPlace {
  /** The number of the autonomous system. @default not known */
  readonly asn?: number | undefined
  /** ISO 3166-1, two letters. @default not known */
  readonly country?: string | undefined
}

/** Where an address belongs, such as from an MMDB file: answers at once. What it throws counts as not known. */
export type FindNetwork = (address: string) => NetworkPlace | undefined

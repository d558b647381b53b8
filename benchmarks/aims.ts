/** What one aim is about: CPU in units, that of the event loop's thread alone, or requests per second against bare. */
export type Measure = 'units' | 'mainUnits' | 'share'

/** What a variant is to reach. */
export interface Aim {
  readonly about: string
  readonly variant: string
  readonly measure: Measure
  readonly most?: number
  readonly least?: number
}

/** The aims of docs/figures, each judged in the run itself. */
export const AIMS: readonly Aim[] = [
  { about: 'signature, digest and replay', variant: 'node+countermark', measure: 'units', most: 1.15 },
  { about: 'the same with `sodium-native`', variant: 'node+countermark sodium', measure: 'units', most: 0.7 },
  {
    about: 'the same with the thread pool, on the event loop',
    variant: 'node+countermark thread pool',
    measure: 'mainUnits',
    most: 0.2,
  },
  {
    about: 'refused before any cryptography',
    variant: 'node+countermark refused early',
    measure: 'units',
    most: 0.15,
  },
  {
    about: 'full stack: signature, replay, remembered token, capability with two limits',
    variant: 'node+countermark full',
    measure: 'units',
    most: 1.25,
  },
  { about: 'the same with a body and its digest', variant: 'node+countermark full body', measure: 'units', most: 1.25 },
  {
    about: 'full stack with `sodium-native`',
    variant: 'node+countermark full sodium',
    measure: 'units',
    most: 0.75,
  },
  { about: 'bearer token, remembered', variant: 'node+countermark bearer', measure: 'units', most: 0.03 },
  { about: 'DPoP, header and key remembered', variant: 'node+countermark dpop', measure: 'units', most: 1.3 },
  {
    about: 'Express 5 with the full stack, requests per second',
    variant: 'express5+countermark full',
    measure: 'share',
    least: 0.5,
  },
  {
    about: 'Koa 3 with the full stack, requests per second',
    variant: 'koa3+countermark full',
    measure: 'share',
    least: 0.3,
  },
]

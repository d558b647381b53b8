/** What one aim is about: CPU in units, that of the event loop's thread alone, or requests per second against bare. */
export type Measure = 'units' | 'mainUnits' | 'share'

/** What a variant is to reach: at most so many units, at least such a share of requests. */
export interface Goal {
  readonly variant: string
  readonly at: number
}

/** One row of the aims: what is to be reached, what is hoped for, and which others do such a job. */
export interface Aim {
  readonly about: string
  readonly measure: Measure
  readonly goal: Goal
  readonly moonshot?: Goal
  /** Servers that do at least part of the same job; the best of them is shown. */
  readonly peers?: readonly string[]
}

/** The aims of docs/figures, each judged in the run itself. */
export const AIMS: readonly Aim[] = [
  {
    about: 'signature, digest and replay',
    measure: 'units',
    goal: { variant: 'node+countermark', at: 1.2 },
    moonshot: { variant: 'node+countermark tables', at: 0.5 },
    peers: ['node+http-message-signatures', 'node+http-message-sig', 'node+web-bot-auth'],
  },
  {
    about: 'full stack: signature, replay, remembered token, capability with two limits',
    measure: 'units',
    goal: { variant: 'node+countermark full', at: 1.3 },
    moonshot: { variant: 'node+countermark full tables', at: 0.6 },
  },
  {
    about: 'full stack with `sodium-native`',
    measure: 'units',
    goal: { variant: 'node+countermark full sodium', at: 0.75 },
  },
  {
    about: 'full stack with metrics',
    measure: 'units',
    goal: { variant: 'node+countermark full, metrics', at: 1.38 },
    moonshot: { variant: 'node+countermark full tables, metrics', at: 0.7 },
  },
  {
    about: 'full stack with metrics and audit, on the event loop',
    measure: 'mainUnits',
    goal: { variant: 'node+countermark full, metrics, audit', at: 1.6 },
    moonshot: { variant: 'node+countermark full tables, metrics, audit', at: 0.9 },
  },
  {
    about: 'full stack with a body, over a server that reads it',
    measure: 'units',
    goal: { variant: 'node reading+countermark full', at: 1.45 },
    moonshot: { variant: 'node reading+countermark full tables', at: 0.85 },
  },
  {
    about: 'refused before any cryptography',
    measure: 'units',
    goal: { variant: 'node+countermark refused early', at: 0.28 },
    moonshot: { variant: 'node+countermark refused early', at: 0.18 },
  },
  {
    about: 'signature in the thread pool, on the event loop',
    measure: 'mainUnits',
    goal: { variant: 'node+countermark thread pool', at: 0.3 },
    moonshot: { variant: 'node+countermark thread pool', at: 0.18 },
    peers: ['node+web-bot-auth'],
  },
  { about: 'bearer token, remembered', measure: 'units', goal: { variant: 'node+countermark bearer', at: 0.03 } },
  {
    about: 'DPoP, header and key remembered',
    measure: 'units',
    goal: { variant: 'node+countermark dpop', at: 1.4 },
    moonshot: { variant: 'node+countermark dpop tables', at: 0.7 },
    peers: ['express5+express-oauth2-jwt-bearer dpop'],
  },
  {
    about: 'a token that was never seen before',
    measure: 'units',
    goal: { variant: 'node+countermark new tokens', at: 1.9 },
    moonshot: { variant: 'node+countermark new tokens', at: 1.2 },
    peers: ['node+jose, new tokens', 'node+fast-jwt, new tokens'],
  },
  {
    about: 'Express 5 with the full stack and `createServer`, requests per second against plain bare',
    measure: 'share',
    goal: { variant: 'express5 createServer+countermark full', at: 0.75 },
    moonshot: { variant: 'express5 createServer+countermark full tables', at: 1.1 },
    peers: ['express5+express-jwt', 'express5+express-oauth2-jwt-bearer'],
  },
  {
    about: 'Koa 3 with the full stack, requests per second against bare',
    measure: 'share',
    goal: { variant: 'koa3+countermark full', at: 0.33 },
    moonshot: { variant: 'koa3+countermark full tables', at: 0.48 },
    peers: ['koa3+koa-jwt'],
  },
]

/** One cost of a start: of importing, or of keys. */
export interface StartAim {
  readonly about: string
  /** A row of the costs of a start. */
  readonly row: string
  readonly at: number
  readonly moonshot?: number
  readonly peer?: string
}

/** What a start may cost. */
export const START_AIMS: readonly StartAim[] = [
  {
    about: 'import of the whole suite, CPU ms beyond node',
    row: 'import of the whole suite',
    at: 80,
    moonshot: 60,
    peer: 'import of express-oauth2-jwt-bearer',
  },
  { about: 'import of a key, CPU µs', row: 'a key', at: 40, moonshot: 20 },
  { about: 'a start with 100,000 keys, CPU s', row: 'a start with 100,000 keys', at: 4 },
]

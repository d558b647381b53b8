import { CELL, SEEN } from '../sketch/layout.ts'
import { countSeen, seeAgain } from '../sketch/seen.ts'
import { figured, plain, type Signal } from './signal.ts'

/** Coming back to the network before within this time is not a move. Seconds. */
const RETURN_SECONDS = 60
const RETURNS_FOR_PROOF = 3
/** A network that the agent has used for so long is its own. Seconds. */
const OWN_AFTER = 7 * 86_400
const SHARED = 0.3
const MEMORY = 1 / 1000
/** Ten new networks in a thousand requests are usual for none but an agent that moves. */
const USUAL_SHARE = 0.01

/** A network that the agent never called from. */
export const networkChange: Signal = {
  name: 'network_change',
  judge: (moment, observation) => {
    if (moment.prefix === 0 || observation.isRepeated === true) return 0
    const { words, place } = moment
    const known = countSeen(words, SEEN.networks)
    const isOldPrefix = seeAgain(words, SEEN.networks, moment.prefix)
    const isOldSystem = place?.asn !== undefined && seeAgain(words, SEEN.networks, hashOfNumber(place.asn, 1))
    const isOldCountry =
      place?.country === undefined || seeAgain(words, SEEN.networks, hashOfNumber(countryNumber(place.country), 2))
    const { cells } = moment
    const usual = cells[CELL.networkNovelty] as number
    if (moment.isLearning) cells[CELL.networkNovelty] = usual + ((isOldPrefix ? 0 : 1) - usual) * MEMORY
    if (isOldPrefix || known === 0) return 0
    if (!moment.isProbation) {
      cells[CELL.newNetwork] = moment.prefix
      cells[CELL.newNetworkAt] = moment.atSeconds
    }
    const strength = isOldCountry ? (isOldSystem ? 0.3 : 0.7) : 1
    // An agent that moves about all the time tells nothing by moving.
    return figured(moment, strength * Math.max(0, 1 - usual / USUAL_SHARE), 1, known)
  },
  sentence: (_, compared) => `a network it never called from; it used ${plain(compared)} before`,
}

/** One key that is used from two networks in turn: two hands have it. */
export const twoNetworks: Signal = {
  name: 'two_networks',
  judge: (moment, observation) => {
    const { cells, atSeconds, prefix, isProbation } = moment
    const current = cells[CELL.network] as number
    if (prefix === 0 || observation.isRepeated === true) return 0
    const usual = cells[CELL.networkUsual] as number
    if (prefix === current || current === 0) {
      cells[CELL.network] = prefix
      cells[CELL.networkKey] = observation.key
      if (moment.isLearning) cells[CELL.networkUsual] = usual * 0.999
      return 0
    }
    const isReturn = prefix === cells[CELL.networkBefore] && observation.key === cells[CELL.networkKey]
    const isSoon = atSeconds - (cells[CELL.networkChangedAt] as number) <= RETURN_SECONDS
    const returns = isReturn && isSoon ? (cells[CELL.networkReturns] as number) + 1 : 0
    cells[CELL.networkReturns] = returns
    cells[CELL.networkBefore] = current
    cells[CELL.network] = prefix
    cells[CELL.networkKey] = observation.key
    cells[CELL.networkChangedAt] = atSeconds
    // An agent behind several ways out changes all the time, from its first day on.
    if (isProbation && isReturn && isSoon) cells[CELL.networkUsual] = Math.min(1, usual + 0.05)
    const stranger = cells[CELL.newNetwork] as number
    const isNew =
      (prefix === stranger || current === stranger) && atSeconds - (cells[CELL.newNetworkAt] as number) < OWN_AFTER
    if (returns < RETURNS_FOR_PROOF || usual > 0.1 || !isNew) return 0
    // Where no key proves the agent, many machines may share what does: a hint, no proof.
    return figured(moment, observation.key === 0 ? SHARED : 1, returns + 1, RETURN_SECONDS)
  },
  sentence: (seen, compared) =>
    `one key went to and fro between two networks ${plain(seen)} times, each within ${plain(compared)} s`,
}

function hashOfNumber(value: number, kind: number): number {
  return (Math.imul(value ^ (kind * 0x9e3779b1), 0x85ebca6b) >>> 0) | 1
}

function countryNumber(country: string): number {
  return country.charCodeAt(0) * 256 + country.charCodeAt(1)
}

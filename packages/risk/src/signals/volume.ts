import { CELL } from '../sketch/layout.ts'
import { countRate, mostSoFar } from '../sketch/rate.ts'
import type { EndSignal } from './failures.ts'
import { excess, figured, plain } from './signal.ts'

const MINUTE = 60
const KILOBYTE = 1024
/** Below this nothing is an export. Kilobytes. */
const FEWEST = 256

/** What answers carried in a minute, against the most that one minute had: a few pages of a list may be all there is to take. */
export const volume: EndSignal = {
  name: 'volume',
  judge: (moment, { end, bytes }) => {
    if (end !== 'served' || bytes === undefined || !(bytes > 0)) return 0
    const { cells, atSeconds, widen } = moment
    const seen = countRate(cells, CELL.volumeRate, bytes / KILOBYTE, atSeconds, MINUTE, moment)
    const compared = Math.max(FEWEST, mostSoFar(cells, CELL.volumeRate)) * widen
    return figured(moment, excess(seen, compared), seen, compared)
  },
  sentence: (seen, compared) => `answers of ${plain(seen)} kB in 60 s; up to ${plain(compared)} kB are usual`,
}

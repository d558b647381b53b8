import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { auditTrail, fileSink } from '../src/index.ts'
import { aDecision } from './written-trail.ts'

// A program that records three decisions which no answer waits for, and ends in one way or another.
const [path = '', how = 'idle', worker = 'true'] = process.argv.slice(2)
const trail = auditTrail({ sinks: [fileSink({ path })], worker: worker === 'true', deadlineMs: 20_000 })
const isReady = how === 'lost' || how === 'late' ? Promise.resolve() : trail.ready()
void isReady.then(async () => {
  for (let index = 0; index < 3; index++) void trail.record(aDecision())
  if (how === 'exit') process.exit()
  if (how === 'close') await trail.close()
  // The folder comes while the program has nothing left to do.
  if (how === 'late') await trail.flush().catch(() => mkdirSync(dirname(path)))
})

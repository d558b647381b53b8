import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

describe('the memory store', () => {
  it('keeps a claim in thirty-two bytes at most, window after window', () => {
    const script = join(__dirname, '../scripts/memory-benchmark.ts')
    const flags = ['--expose-gc', '--import', 'tsx', '--conditions=@countermark/source']
    const { stdout } = spawnSync(process.execPath, [...flags, script, '200000'], { encoding: 'utf8' })
    const bytes = Number(/at most ([0-9.]+) bytes each/.exec(stdout)?.[1])
    expect(bytes).toBeGreaterThan(16)
    expect(bytes).toBeLessThanOrEqual(32)
  }, 60_000)
})

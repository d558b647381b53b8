import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadOptionalPeer } from '../../src/internal.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'countermark-peer-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

describe('a package that is loaded on first use', () => {
  it('comes from beside the package that needs it', () => {
    install('dials', 'exports.turn = () => 7')
    expect(load('dials')).toEqual({ turn: expect.any(Function) })
  })

  it('is asked for by the command that installs it', () => {
    expect(() => load('dials')).toThrow(
      expect.objectContaining({
        code: 'ERR_DEPENDENCY_MISSING',
        message: 'gauges need dials: npm install dials [ERR_DEPENDENCY_MISSING]',
      }),
    )
  })

  it('is asked for the same way where require does not find it', () => {
    const notFound = Object.assign(new Error("Cannot find module 'dials'"), { code: 'MODULE_NOT_FOUND' })
    expect(() => loadOptionalPeer({ name: 'dials', neededBy: 'gauges', place: '' }, notFound)).toThrow(
      expect.objectContaining({ code: 'ERR_DEPENDENCY_MISSING' }),
    )
  })

  it('does not hide what the package itself does not find', () => {
    install('dials', "require('springs')")
    expect(() => load('dials')).toThrow(expect.objectContaining({ code: 'MODULE_NOT_FOUND' }))
  })
})

function load(name: string): unknown {
  const place = pathToFileURL(join(folder, 'index.js')).href
  return loadOptionalPeer({ name, neededBy: 'gauges', place }, new ReferenceError('require is not defined'))
}

function install(name: string, code: string): void {
  mkdirSync(join(folder, 'node_modules', name), { recursive: true })
  writeFileSync(join(folder, 'node_modules', name, 'index.js'), code)
}

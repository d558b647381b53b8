import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { requireProgram } from '@countermark/testing'
import { WASM_BASE64 } from '../src/wasm-binary.ts'

const ROOT = resolve(__dirname, '../../..')
const FOLDER = join(ROOT, 'packages/ed25519-tables')

// Debian 12 has these; another major version writes other bytes.
const programs = ['clang-14', 'wasm-ld-14'].map(requireProgram)

describe('the binary', () => {
  it('is the one that its file names', () => {
    const bytes = Buffer.from(WASM_BASE64, 'base64')
    const text = readFileSync(join(FOLDER, 'src/wasm-binary.ts'), 'utf8')
    expect(text).toContain(`SHA-256 ${createHash('sha256').update(bytes).digest('hex')}`)
    expect(bytes.toString('base64')).toBe(WASM_BASE64)
  })

  const withCompiler = programs.includes(undefined) ? it.skip : it
  withCompiler('is, byte for byte, what the compiler makes of the source', () => {
    const output = execFileSync('npm', ['run', '--silent', 'build:wasm', '-w', FOLDER, '--', '--check'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    expect(output).toContain('is what clang-14 makes of native/ed25519-tables.c')
  })

  it('takes nothing from outside, and gives only what the engine calls', () => {
    const module = new WebAssembly.Module(Buffer.from(WASM_BASE64, 'base64'))
    const { imports, exports }: ModuleDescriber = Object(WebAssembly.Module)
    expect(imports(module)).toEqual([])
    expect(
      exports(module)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(
      [
        ...['build', 'key_input', 'max_message', 'max_tables', 'memory', 'message_input', 'prepare'],
        ...['signature_input', 'verify'],
      ].sort(),
    )
  })
})

interface ModuleDescriber {
  readonly imports: (module: object) => readonly unknown[]
  readonly exports: (module: object) => readonly { readonly name: string }[]
}

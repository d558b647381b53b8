import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

// Another major version writes other bytes for the same source. This one is that of Debian 12: packages clang-14, lld-14.
const MAJOR = 14
const COMPILER = `clang-${MAJOR}`
const LINKER = `wasm-ld-${MAJOR}`

const FOLDER = resolve(import.meta.dirname, '..')
const TARGET = 'src/wasm-binary.ts'

/** 272 pages of 64 KB: 1,024 tables of 15 KB, the table of the base point, the input, the stack. */
const MEMORY = 272 * 65_536

const COMPILE: readonly string[] = [
  ...['--target=wasm32', '-std=c11', '-O3', '-ffreestanding', '-fno-builtin', '-mbulk-memory'],
  ...['-Wall', '-Wextra', '-Werror', '-c'],
]

// The stack lies lowest: one that overflows stops the module instead of writing over tables.
const LINK: readonly string[] = [
  ...['--no-entry', '--strip-all', '--stack-first', '-z', 'stack-size=65536'],
  ...[`--initial-memory=${MEMORY}`, `--max-memory=${MEMORY}`],
]

function compile(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'countermark-wasm-'))
  const [object, linked] = [join(folder, 'ed25519-tables.o'), join(folder, 'ed25519-tables.wasm')]
  try {
    execFileSync(COMPILER, [...COMPILE, '-o', object, 'ed25519-tables.c'], { cwd: join(FOLDER, 'native') })
    execFileSync(LINKER, [...LINK, '-o', linked, object])
    return readFileSync(linked)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Text, because every module system and every bundler can load it without knowing where files are. */
function toSource(wasm: Buffer): string {
  const digest = createHash('sha256').update(wasm).digest('hex')
  return `/**
 * native/ed25519-tables.c as WebAssembly, base64, written by \`npm run build:wasm\` with ${COMPILER}: ${wasm.length} bytes,
 * SHA-256 ${digest}.
 */
export const WASM_BASE64: string =
  '${wasm.toString('base64')}'
`
}

function isInstalled(): boolean {
  try {
    for (const program of [COMPILER, LINKER]) execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false // `--check` says so, and the compiler itself would say it less clearly
  }
}

function run(mode: string | undefined): number {
  if (!isInstalled()) {
    process.stderr.write(
      `notice: ${COMPILER} and ${LINKER} are not here (Debian 12: apt-get install clang-14 lld-14)\n`,
    )
    // Where nothing is built, nothing differs; in CI the programs must be there.
    return mode === '--check' && process.env['CI'] === undefined ? 0 : 1
  }
  const built = toSource(compile())
  const same = built === readFileSync(join(FOLDER, TARGET), 'utf8')
  if (mode !== '--check') writeFileSync(join(FOLDER, TARGET), built)
  process.stdout.write(`${TARGET} ${same ? 'is' : 'was not'} what ${COMPILER} makes of native/ed25519-tables.c\n`)
  return mode === '--check' && !same ? 1 : 0
}

process.exitCode = run(process.argv[2])

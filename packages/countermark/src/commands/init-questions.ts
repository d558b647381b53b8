import { cancel, intro, outro, select, text } from '@clack/prompts'
import { CommandError } from './errors.ts'
import { type Answers, faultOfOrigin } from './init-answers.ts'

/** Asks the three questions of init; what was assumed stands there to be confirmed. */
export async function askPerson(known: Answers): Promise<Answers> {
  intro('countermark')
  const framework = await answered(
    select({
      message: 'What is the application made with?',
      initialValue: known.framework,
      options: [
        { value: 'express' as const, label: 'Express' },
        { value: 'koa' as const, label: 'Koa' },
      ],
    }),
  )
  const origin = await answered(
    text({ message: 'Where do agents call it?', initialValue: known.origin, validate: faultOfOrigin }),
  )
  const agent = await answered(text({ message: 'What is the first agent called?', initialValue: known.agent }))
  outro('writing')
  return { framework, origin, agent }
}

async function answered<Value>(question: Promise<Value>): Promise<Exclude<Value, symbol>> {
  const answer = await question
  if (typeof answer !== 'symbol') return answer as Exclude<Value, symbol>
  cancel('nothing was written')
  throw new CommandError('init was ended')
}

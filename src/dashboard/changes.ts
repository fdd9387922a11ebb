/** Forms that change the switch, and the token that this takes. */
import { type ComponentChildren, createContext, h, type JSX } from 'preact'
import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import { changeTuning, checkToken, keepToken, Refusal, type TuneChangeBody, tokenOfTab } from './api.js'
import { parseDelay } from './format.js'

/** Whether this tab may change the switch. */
export interface Access {
  readonly mayChange: boolean
  /** Asks for the token. */
  ask(): void
  /** The token was refused. */
  forget(): void
  /** Whether the switch has a file into which changes can be written. */
  readonly hasFile: boolean
}

export const AccessContext = createContext<Access>({
  mayChange: false,
  ask: () => {},
  forget: () => {},
  hasFile: false,
})

const messageOf = (error: unknown): string =>
  error instanceof Refusal ? error.message : 'The page failed; please report it.'

interface TokenFormProps {
  /** The token is the right one. */
  accept(): void
  cancel(): void
}

/** Asks for the token of the switch. */
export function TokenForm({ accept, cancel }: TokenFormProps): JSX.Element {
  const [message, setMessage] = useState('')
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const token = input.current?.value.trim() ?? ''
    if (token === '') return setMessage('Paste the token.')
    try {
      await checkToken(token)
      keepToken(token)
      accept()
    } catch (error) {
      setMessage(messageOf(error))
      input.current?.select()
    }
  }
  return h(
    'form',
    {
      class: 'token',
      onSubmit: submit,
      'aria-label': 'Allow changes',
      onKeyDown: (event: KeyboardEvent) => event.key === 'Escape' && cancel(),
    },
    h('label', { for: 'token' }, 'Token'),
    h('input', {
      id: 'token',
      ref: input,
      type: 'password',
      autocomplete: 'off',
      spellcheck: false,
      'aria-describedby': 'token-help',
    }),
    h('button', { type: 'submit', class: 'primary' }, 'Allow changes'),
    h('button', { type: 'button', onClick: cancel }, 'Cancel'),
    h(
      'p',
      { id: 'token-help', class: 'hint' },
      'Looking needs none. Changing takes what is in the token file, which the switch names when it starts.',
    ),
    h('p', { role: 'alert', class: 'message bad-text' }, message),
  )
}

interface ChangeFormProps {
  readonly id: string
  readonly label: string
  readonly value: string
  readonly button: string
  readonly hint: string
  /** What a text asks for; a string: why it asks for nothing. */
  changeOf(text: string): TuneChangeBody | string
  readonly done: string
}

/** One setting that can be changed while the switch runs. */
export function ChangeForm({ id, label, value, button, hint, changeOf, done }: ChangeFormProps): JSX.Element {
  const { mayChange, ask, forget, hasFile } = useContext(AccessContext)
  const [text, setText] = useState<string>()
  const [persist, setPersist] = useState(false)
  const [message, setMessage] = useState<{ text: string; isBad: boolean }>({ text: '', isBad: false })
  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const change = changeOf(text ?? value)
    if (typeof change === 'string') return setMessage({ text: change, isBad: true })
    if (!mayChange) return ask()
    try {
      await changeTuning(change, persist)
      setText(undefined)
      setMessage({ text: done, isBad: false })
    } catch (error) {
      if (error instanceof Refusal && error.needsToken) {
        forget()
        return ask()
      }
      setMessage({ text: messageOf(error), isBad: true })
    }
  }
  return h(
    'form',
    { class: 'change', onSubmit: submit, id: `${id}-form`, noValidate: true },
    h('label', { for: id }, label),
    h('input', {
      id,
      type: 'text',
      value: text ?? value,
      autocomplete: 'off',
      spellcheck: false,
      'aria-describedby': `${id}-hint`,
      'aria-invalid': message.isBad ? 'true' : 'false',
      onInput: (event: Event) => setText((event.currentTarget as HTMLInputElement).value),
    }),
    h('button', { type: 'submit', class: 'primary' }, button),
    hasFile
      ? h(
          'label',
          { class: 'check' },
          h('input', {
            type: 'checkbox',
            checked: persist,
            onChange: (event: Event) => setPersist((event.currentTarget as HTMLInputElement).checked),
          }),
          'also in the configuration file',
        )
      : null,
    h('p', { id: `${id}-hint`, class: 'hint' }, mayChange ? hint : `${hint} This takes the token.`),
    h('p', { role: 'status', class: `message ${message.isBad ? 'bad-text' : 'good-text'}` }, message.text),
  )
}

/** Changes the delay target of a vif. */
export function TargetForm({
  name,
  targetUs,
}: {
  readonly name: string
  readonly targetUs: number
}): JSX.Element {
  return h(ChangeForm, {
    key: name,
    id: 'target',
    label: 'Target',
    value: `${targetUs} us`,
    button: 'Set target',
    hint: 'p99 from arrival to publication: 250 us, 1.5 ms.',
    changeOf: (text) => {
      const us = parseDelay(text)
      return us === undefined ? 'Give a time above 0, like 250 us or 1.5 ms.' : { vif: name, targetUs: us }
    },
    done: 'Set. The verdict counts frames from now on.',
  })
}

/** Changes the budget of the engine. */
export function BudgetForm({ budget }: { readonly budget: number }): JSX.Element {
  return h(ChangeForm, {
    id: 'budget',
    label: 'Budget',
    value: `${Number((budget * 100).toFixed(2))} %`,
    button: 'Set budget',
    hint: 'Share of its processor that the switch may use.',
    changeOf: (text) => {
      const share = Number(/^\s*(\d+(?:\.\d+)?)\s*%?\s*$/.exec(text)?.[1]) / 100
      return share > 0 && share <= 1 ? { budget: share } : 'Give a percentage above 0, at most 100 %.'
    },
    done: 'Set.',
  })
}

/** Makes the switch hold targets. */
export function AdaptiveButton(): JSX.Element {
  const { mayChange, ask } = useContext(AccessContext)
  const [message, setMessage] = useState('')
  const change = (): void => {
    if (!mayChange) ask()
    else changeTuning({ policy: { name: 'adaptive' } }, false).catch((error) => setMessage(messageOf(error)))
  }
  return h(
    'div',
    null,
    h('button', { type: 'button', class: 'primary', onClick: change }, 'Hold targets (policy adaptive)'),
    h('p', { role: 'status', class: 'message bad-text' }, message),
  )
}

/** Keeps whether this tab may change the switch: a token of before is tried once. */
export function useAccess(hasFile: boolean): { readonly access: Access; readonly form: ComponentChildren } {
  const [mayChange, setMayChange] = useState(false)
  const [isAsking, setAsking] = useState(false)
  const before = useRef<Element | null>(null)
  const close = (): void => {
    setAsking(false)
    if (before.current instanceof HTMLElement) before.current.focus()
  }
  const forget = (): void => {
    keepToken('')
    setMayChange(false)
  }
  useEffect(() => {
    const token = tokenOfTab()
    if (token === '') return
    checkToken(token).then(
      () => setMayChange(true),
      (error) => {
        if (error instanceof Refusal && error.needsToken) forget()
      },
    )
  }, [])
  const ask = (): void => {
    before.current = document.activeElement
    setAsking(true)
  }
  const accept = (): void => {
    setMayChange(true)
    close()
  }
  return {
    access: { mayChange, ask, forget, hasFile },
    form: isAsking ? h(TokenForm, { accept, cancel: close }) : null,
  }
}

// One field of the schema-drawn form: its label, its control, its help and the server's faults with it.
import type { JSX } from 'preact';
import { valueAt, type Json } from './json-pointer.ts';
import { fieldOf, labelOf, resolveSchema, type Field, type JsonSchema } from './json-schema.ts';
import { BooleanControl, ChoiceControl, JsonControl, TextControl, type ControlProps } from './schema-control.tsx';
import { SeveralField } from './schema-several.tsx';
import { describedBy, FieldWords, type FieldFrame } from './field-words.tsx';
import type { SpecForm } from './spec-form.ts';

const LARGEST_BOUND_SHOWN = 1_000;

interface Props {
  pointer: string;
  schema: JsonSchema;
  isRequired: boolean;
  form: SpecForm;
}

/** Whatever a place of the form needs, except objects. */
export function SchemaField({ pointer, schema, isRequired, form }: Props) {
  const field = fieldOf(schema);
  const value = valueAt(form.spec, pointer);
  const frame: FieldFrame = {
    id: `field${pointer.replaceAll(/[^\w]/g, '-')}`,
    label: labelOf(pointer.slice(pointer.lastIndexOf('/') + 1)),
    help: helpOf(schema, field),
    faults: form.faults.get(pointer) ?? [],
    isRequired,
  };
  // What equals the default is not sent.
  const onChange = (next: Json | undefined) => form.onChange(pointer, isSame(next, schema.default) ? undefined : next);
  const choices = form.choices[pointer];

  const several = severalOf(field, form);
  if (several !== undefined && (several.options.length > 0 || choices !== undefined)) {
    const names = several.options.length > 0 ? several.options : (choices?.names ?? []);
    const word = field.kind === 'alternative' ? field.word : undefined;
    return (
      <SeveralField {...{ frame, names, word, value, onChange }} more={choices?.more ?? []} fallback={schema.default} />
    );
  }
  const control: ControlProps = {
    value,
    fallback: schema.default,
    onChange,
    input: {
      id: frame.id,
      'aria-invalid': frame.faults.length > 0 ? 'true' : undefined,
      'aria-describedby': describedBy(frame),
      'aria-required': isRequired ? 'true' : undefined,
    },
  };
  if (field.kind === 'boolean') {
    return (
      <div class="field check">
        <BooleanControl {...control} /> <FieldLabel frame={frame} />
        <FieldWords frame={frame} />
      </div>
    );
  }
  return (
    <div class="field">
      <FieldLabel frame={frame} />
      {choices !== undefined && !choices.isOpen ? (
        <ChoiceControl {...control} options={choices.names} isOptional={!isRequired} />
      ) : (
        <SingleControl field={field} form={form} control={control} suggestions={choices?.names ?? []} />
      )}
      <FieldWords frame={frame} />
    </div>
  );
}

interface SingleProps {
  field: Field;
  form: SpecForm;
  control: ControlProps;
  suggestions: readonly string[];
}

function SingleControl({ field, form, control, suggestions }: SingleProps): JSX.Element {
  switch (field.kind) {
    case 'choice':
      return <ChoiceControl {...control} options={field.options} isOptional={control.fallback === undefined} />;
    case 'number':
    case 'text':
      return <TextControl {...control} kind={field.kind} suggestions={suggestions} />;
    case 'alternative': {
      const kind = fieldOf(resolveSchema(field.other, form.root)).kind === 'number' ? 'number' : 'text';
      return <TextControl {...control} kind={kind} word={field.word} suggestions={suggestions} />;
    }
    default:
      return <JsonControl {...control} />;
  }
}

function severalOf(field: Field, form: SpecForm): Extract<Field, { kind: 'several' }> | undefined {
  const inner = field.kind === 'alternative' ? fieldOf(resolveSchema(field.other, form.root)) : field;
  return inner.kind === 'several' ? inner : undefined;
}

function isSame(a: Json | undefined, b: Json | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function helpOf(schema: JsonSchema, field: Field): string {
  const words = [schema.description ?? ''];
  // Bounds that nobody meets by accident would only be noise.
  if (field.kind === 'number' && field.least !== undefined && (field.most ?? Infinity) <= LARGEST_BOUND_SHOWN) {
    words.push(`${field.least} to ${field.most}.`);
  }
  const isShownAnyway = field.kind === 'choice' || field.kind === 'boolean' || Array.isArray(schema.default);
  if (schema.default !== undefined && !isShownAnyway) words.push(`Default: ${String(schema.default)}.`);
  return words.filter((part) => part !== '').join(' ');
}

function FieldLabel({ frame }: { frame: FieldFrame }) {
  return (
    <label for={frame.id}>
      {frame.label}
      {frame.isRequired && <span class="required"> required</span>}
    </label>
  );
}

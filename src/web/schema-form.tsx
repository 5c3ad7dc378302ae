// Draws a form from the API's JSON Schema of a job, so that a new field of the API is on the page without a change here.
// The spec holds only what differs from the defaults; the API fills in the rest.
import { Fragment, type ComponentChildren } from 'preact';
import { childPointer, nearestPlace } from './json-pointer.ts';
import { fieldOf, fieldPointers, labelOf, resolveSchema, type JsonSchema } from './json-schema.ts';
import type { SpecFault } from './api-call.ts';
import { HelpText } from './field-words.tsx';
import { SchemaField } from './schema-field.tsx';
import type { SpecForm } from './spec-form.ts';

/** Each fault at the field that it names or that is nearest above it. */
export function faultsByField(faults: readonly SpecFault[], root: JsonSchema): Map<string, string[]> {
  const fields = new Set(fieldPointers(root, root));
  const placed = new Map<string, string[]>();
  for (const { pointer, detail } of faults) {
    const place = nearestPlace(pointer, fields);
    const where = place === '' && pointer !== '' ? `${pointer.replace(/^#/, '')}: ` : '';
    placed.set(place, [...(placed.get(place) ?? []), where + detail]);
  }
  return placed;
}

/** Opens what hides the first faulty field and moves the focus there. */
export function focusFirstFault(form: HTMLElement): void {
  const field = form.querySelector<HTMLElement>('[aria-invalid="true"]');
  const first = field ?? form.querySelector<HTMLElement>('.form-faults');
  for (let at = first?.parentElement; at !== null && at !== undefined && at !== form; at = at.parentElement) {
    if (at instanceof HTMLDetailsElement) at.open = true;
  }
  first?.focus();
}

interface FormProps {
  form: SpecForm;
  /** Pointers of places that are folded away below the others. */
  advanced: ReadonlySet<string>;
  /** What is drawn instead of a field or group, by pointer; null leaves it out. */
  own?: Readonly<Record<string, ComponentChildren>>;
  /** What is drawn below a group. */
  below?: Readonly<Record<string, ComponentChildren>>;
}

/** The whole form. */
export function SchemaForm({ form, advanced, own = {}, below = {} }: FormProps) {
  const field = fieldOf(resolveSchema(form.root, form.root));
  if (field.kind !== 'object') throw new Error('the job schema does not describe an object');
  const places = field.properties.map(([key, schema]) => ({
    key,
    pointer: childPointer('', key),
    schema: resolveSchema(schema, form.root),
    isRequired: field.required.has(key),
  }));
  const isGroup = (schema: JsonSchema) => fieldOf(schema).kind === 'object';
  const plain = places.filter(
    ({ pointer, schema }) => !isGroup(schema) && !advanced.has(pointer) && own[pointer] === undefined,
  );
  const groups = places.filter(({ schema }) => isGroup(schema));
  const rest = places.filter(({ pointer, schema }) => !isGroup(schema) && advanced.has(pointer));
  return (
    <>
      <div class="fields">
        {plain.map((place) => (
          <SchemaField {...place} form={form} />
        ))}
      </div>
      {groups.map(({ key, pointer, schema }) => (
        <Fragment key={pointer}>
          <Group title={labelOf(key)} help={schema.description} isFolded={advanced.has(pointer)}>
            {own[pointer] ?? <ObjectFields schema={schema} pointer={pointer} form={form} />}
          </Group>
          {below[pointer]}
        </Fragment>
      ))}
      {rest.length > 0 && (
        <Group title="Queue and machine" help={undefined} isFolded>
          {rest.map((place) => (
            <SchemaField {...place} form={form} />
          ))}
        </Group>
      )}
    </>
  );
}

function ObjectFields({ schema, pointer, form }: { schema: JsonSchema; pointer: string; form: SpecForm }) {
  const field = fieldOf(schema);
  if (field.kind !== 'object') return null;
  return (
    <>
      {field.properties.map(([key, inner]) => {
        const place = childPointer(pointer, key);
        const resolved = resolveSchema(inner, form.root);
        if (fieldOf(resolved).kind === 'object') {
          return (
            <Group title={labelOf(key)} help={resolved.description} isFolded={false} key={place}>
              <ObjectFields schema={resolved} pointer={place} form={form} />
            </Group>
          );
        }
        const isRequired = field.required.has(key);
        return <SchemaField key={place} pointer={place} schema={resolved} isRequired={isRequired} form={form} />;
      })}
    </>
  );
}

interface GroupProps {
  title: string;
  help: string | undefined;
  isFolded: boolean;
  children: ComponentChildren;
}

function Group({ title, help, isFolded, children }: GroupProps) {
  const words = help !== undefined && <HelpText>{help}</HelpText>;
  if (isFolded) {
    return (
      <details class="group">
        <summary>
          <span class="group-title">{title}</span> <span class="help">{words}</span>
        </summary>
        <div class="fields">{children}</div>
      </details>
    );
  }
  return (
    <fieldset class="group">
      <legend>{title}</legend>
      {words !== false && <p class="help">{words}</p>}
      <div class="fields">{children}</div>
    </fieldset>
  );
}

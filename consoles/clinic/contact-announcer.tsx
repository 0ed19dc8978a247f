/** Tells assistive technology when contact is lost or back, and nothing else: values change too often to be read out. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { useNow } from '../shared/use-now.ts';
import { type Contact, contactOf } from './contact.ts';
import { contactAt, type ShownPatient } from './patients.ts';

export function ContactAnnouncer({ patients }: { readonly patients: readonly ShownPatient[] }) {
  const now = useNow();
  const known = useRef(new Map<string, Contact>());
  const [words, setWords] = useState('');
  useEffect(() => {
    const changes: string[] = [];
    const current = new Map(patients.map((patient) => [patient.id, contactOf(contactAt(patient), now)]));
    for (const { id, name } of patients) {
      const before = known.current.get(id);
      const contact = current.get(id);
      if (before === 'heard' && contact === 'lost') changes.push(`Contact lost: ${name}.`);
      if (before === 'lost' && contact === 'heard') changes.push(`Contact again: ${name}.`);
    }
    known.current = current;
    if (changes.length > 0) setWords(changes.join(' '));
  }, [patients, now]);
  return (
    <p class="unseen" role="status">
      {words}
    </p>
  );
}

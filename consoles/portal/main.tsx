/** Starts the patient's page. The link's secret leaves the address bar before anything else happens. */
import { render } from 'preact';
import { takeLinkSecret } from './link-secret.ts';
import { PortalPage } from './portal-page.tsx';

render(<PortalPage secret={takeLinkSecret()} />, document.getElementById('page')!);

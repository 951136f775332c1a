// An OpenID provider for tests: oidc-provider with its sign-in form, where any name with any password is that person, and
// with consent given beforehand. It is told who it is by TEST_OIDC, says "ready" when it listens, and ends with its standard input.
import Provider from 'oidc-provider';

const { issuer, port, clients } = JSON.parse(process.env.TEST_OIDC);

// A name's part after a dot is a group: alice.engineers. An address is proven, but those of unproven.<name>.
const person = (id) => {
	const [first, ...groups] = id.split('.');
	return {
		accountId: id,
		claims: () => ({
			sub: id,
			email: `${id}@corp.example`,
			email_verified: first !== 'unproven',
			given_name: first,
			family_name: 'Example',
			groups,
		}),
	};
};

const provider = new Provider(issuer, {
	clients,
	claims: {
		openid: ['sub'],
		email: ['email', 'email_verified'],
		profile: ['given_name', 'family_name'],
		groups: ['groups'],
	},
	scopes: ['openid', 'email', 'profile', 'groups'],
	cookies: { keys: ['of a test'] },
	features: {
		backchannelLogout: { enabled: true },
		devInteractions: { enabled: true },
	},
	findAccount: (ctx, id) => person(id),
	async loadExistingGrant(ctx) {
		const grant = new ctx.oidc.provider.Grant({
			clientId: ctx.oidc.client.clientId,
			accountId: ctx.oidc.session.accountId,
		});
		grant.addOIDCScope('openid email profile groups');
		await grant.save();
		return grant;
	},
});

provider.listen(port, '127.0.0.1', () => console.log('ready'));
process.stdin.on('end', () => process.exit(0)).resume();

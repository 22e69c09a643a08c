package auth

import (
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// A discovery is what a client can find out about the provider: what is
// served, and nothing else.
type discovery struct {
	*oidc.DiscoveryConfiguration
	// IssParameter says that codes come with the issuer, RFC 9207.
	IssParameter bool `json:"authorization_response_iss_parameter_supported"`
}

func (p *provider) discovery() discovery {
	return discovery{&oidc.DiscoveryConfiguration{
		Issuer:                            p.issuer,
		AuthorizationEndpoint:             p.issuer + pathAuthorize,
		TokenEndpoint:                     p.issuer + pathToken,
		UserinfoEndpoint:                  p.issuer + pathUserInfo,
		RevocationEndpoint:                p.issuer + pathRevoke,
		EndSessionEndpoint:                p.issuer + pathEndSession,
		JwksURI:                           p.issuer + pathKeys,
		ScopesSupported:                   []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, oidc.ScopeOfflineAccess},
		ResponseTypesSupported:            []string{string(oidc.ResponseTypeCode)},
		ResponseModesSupported:            []string{string(oidc.ResponseModeQuery)},
		GrantTypesSupported:               []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken},
		SubjectTypesSupported:             []string{"public"},
		IDTokenSigningAlgValuesSupported:  []string{string(algorithm)},
		TokenEndpointAuthMethodsSupported: []oidc.AuthMethod{oidc.AuthMethodNone, oidc.AuthMethodBasic, oidc.AuthMethodPost},
		CodeChallengeMethodsSupported:     []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
		ClaimsSupported: []string{
			"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "azp", "at_hash", "sid", "roles", "name", "preferred_username", "email",
		},
	}, true}
}

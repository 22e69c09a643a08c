package service_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/identity/identitytest"
	"github.com/pulselearn/campus-hub/platform/service"
)

// TestTheRateIsTheCallers has everybody call from one address, as people of one
// school do, and as a gateway does for all.
func TestTheRateIsTheCallers(t *testing.T) {
	t.Parallel()
	issuer, secret := identitytest.New(t), strings.Repeat("secret", 6)
	services, err := identity.NewServices(secret)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(t)
	cfg.OIDC.Issuer, cfg.ServiceSecret, cfg.Door.Rate, cfg.Door.Burst = issuer.URL, secret, 0.001, 2
	token := func(subject string) string {
		token, err := issuer.Token(identity.Caller{Subject: subject})
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + token
	}
	ofQuiz, err := services.Token("quiz", "race")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, cfg, func(*service.Process) {
		for _, test := range []struct {
			name, authorization string
			want                []int
		}{
			{"a person", token("ada"), []int{404, 404, 429}},
			{"another person", token("ben"), []int{404, 404, 429}},
			{"another context", "Bearer " + ofQuiz, []int{403, 403, 403, 403}},
			{"a bad token, then nobody", "Bearer x", []int{401, 401, 429}},
			{"nobody, after that", "", []int{429}},
		} {
			var got []int
			for range test.want {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+cfg.HTTPAddr+"/api/v1/nothing", nil)
				if err != nil {
					t.Fatal(err)
				}
				if test.name == "another context" {
					r.URL.Path = "/race.v1.Race/Start"
					r.Header.Set("Content-Type", "application/json")
				}
				r.Header.Set("Authorization", test.authorization)
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				got = append(got, answer.StatusCode)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: %v, want %v", test.name, got, test.want)
			}
		}
	})
}

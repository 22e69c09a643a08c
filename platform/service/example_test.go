package service_test

import (
	"fmt"

	"github.com/pulselearn/campus-hub/platform/service"
)

// Every mistake is reported at once, with where it stands and what to do.
func ExampleLoadConfig() {
	_, err := service.LoadConfig([]string{"PL_HTTP_ADR=127.0.0.1:8080", "PL_LOG_FORMAT=xml"})
	fmt.Println(err)
	// Output:
	// PL_HTTP_ADR: there is no such setting (did you mean PL_HTTP_ADDR?); the command "config" lists all
	// PL_LOG_FORMAT: "xml" is neither text nor json
}

package access

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	achievementservice "github.com/pulselearn/campus-hub/gen/service/achievement"
	authservice "github.com/pulselearn/campus-hub/gen/service/auth"
	billingservice "github.com/pulselearn/campus-hub/gen/service/billing"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
	enrollmentservice "github.com/pulselearn/campus-hub/gen/service/enrollment"
	notificationservice "github.com/pulselearn/campus-hub/gen/service/notification"
	paymentservice "github.com/pulselearn/campus-hub/gen/service/payment"
	quizservice "github.com/pulselearn/campus-hub/gen/service/quiz"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/achievement"
	achievementmigrations "github.com/pulselearn/campus-hub/services/achievement/migrations"
	"github.com/pulselearn/campus-hub/services/auth"
	authmigrations "github.com/pulselearn/campus-hub/services/auth/migrations"
	"github.com/pulselearn/campus-hub/services/billing"
	billingmigrations "github.com/pulselearn/campus-hub/services/billing/migrations"
	"github.com/pulselearn/campus-hub/services/course"
	coursemigrations "github.com/pulselearn/campus-hub/services/course/migrations"
	"github.com/pulselearn/campus-hub/services/enrollment"
	enrollmentmigrations "github.com/pulselearn/campus-hub/services/enrollment/migrations"
	"github.com/pulselearn/campus-hub/services/notification"
	notificationmigrations "github.com/pulselearn/campus-hub/services/notification/migrations"
	"github.com/pulselearn/campus-hub/services/payment"
	paymentmigrations "github.com/pulselearn/campus-hub/services/payment/migrations"
	"github.com/pulselearn/campus-hub/services/quiz"
	quizmigrations "github.com/pulselearn/campus-hub/services/quiz/migrations"
	"github.com/pulselearn/campus-hub/services/userprofile"
	userprofilemigrations "github.com/pulselearn/campus-hub/services/userprofile/migrations"
)

// register adds what the hub has.
func register(app *service.App) {
	achievementservice.Register(app, achievement.New(), achievementmigrations.Files)
	authservice.Register(app, auth.New(), authmigrations.Files)
	billingservice.Register(app, billing.New(), billingmigrations.Files)
	courseservice.Register(app, course.New(), coursemigrations.Files)
	enrollmentservice.Register(app, enrollment.New(), enrollmentmigrations.Files)
	notificationservice.Register(app, notification.New(), notificationmigrations.Files)
	paymentservice.Register(app, payment.New(), paymentmigrations.Files)
	quizservice.Register(app, quiz.New(), quizmigrations.Files)
	userprofileservice.Register(app, userprofile.New(), userprofilemigrations.Files)
}

// contracts returns every call of every context, by name of the context and in
// the order of the contract. A context that register has forgotten is among
// them, and its calls fail the test.
func contracts(t *testing.T) []protoreflect.MethodDescriptor {
	t.Helper()
	var methods []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(f.Package()), "pl.") {
			return true
		}
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				methods = append(methods, f.Services().Get(i).Methods().Get(j))
			}
		}
		return true
	})
	slices.SortStableFunc(methods, func(a, b protoreflect.MethodDescriptor) int {
		return strings.Compare(contextOf(a), contextOf(b))
	})
	if len(methods) < 40 {
		t.Fatalf("%d calls, want those of nine contexts", len(methods))
	}
	return methods
}

func contextOf(m protoreflect.MethodDescriptor) string {
	return strings.Split(string(m.FullName()), ".")[1]
}

func contexts(methods []protoreflect.MethodDescriptor) []string {
	var names []string
	for _, m := range methods {
		names = append(names, contextOf(m))
	}
	return slices.Compact(names)
}
